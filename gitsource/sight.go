package gitsource

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// sight is one look at a directory, without its contents.
type sight struct {
	found   []scanned
	changed time.Time // when the last change happened; not compared
	outside bool      // of any work tree
	head    plumbing.Hash
	branch  string

	worktree *worktree // nil if outside
}

func (s sight) equal(other sight) bool {
	return s.outside == other.outside && s.head == other.head && s.branch == other.branch && slices.Equal(s.found, other.found)
}

// look lists the directory. The caller closes root.
func (d *directorySource) look(ctx context.Context) (*os.Root, sight, error) {
	directory, err := filepath.EvalSymlinks(d.options.Dir)
	if err != nil {
		return nil, sight{}, err
	}
	w, rules, err := openRules(directory)
	if err != nil {
		return nil, sight{}, err
	}
	seen := sight{outside: w == nil, worktree: w}
	if w != nil {
		seen.head, seen.branch = w.head.Hash, w.branch
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, sight{}, err
	}
	if seen.found, seen.changed, err = scan(ctx, root, rules, d.options.Limits); err != nil {
		root.Close()
		return nil, sight{}, err
	}
	return root, seen, nil
}

// rest waits until the last change, age ago, is as long ago as quiet. One in the future, by another clock, counts as now.
func rest(ctx context.Context, age, quiet time.Duration) error {
	wait := quiet - max(age, 0)
	if wait <= 0 {
		return nil
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read copies what changed since the last time. Every file had rested when it was read, so an equal stamp means equal content.
func (d *directorySource) read(ctx context.Context, root *os.Root, seen sight, last *copied) (map[string]heldFile, error) {
	known := map[scanned]heldFile{}
	if last != nil {
		for _, f := range last.found {
			known[f] = last.files[f.path]
		}
	}
	files := make(map[string]heldFile, len(seen.found))
	var total int64
	for _, f := range seen.found[1:] { // the first is the directory itself
		file, ok := known[f]
		if !ok {
			var err error
			if file, err = f.read(ctx, root, d.options.Limits); err != nil {
				return nil, err
			}
		}
		if total += int64(len(file.content)); total > d.options.Limits.TotalBytes {
			return nil, fail(ErrTooLarge, nil, "the directory %s holds more than %s; name the directory of the manifests", d, size(d.options.Limits.TotalBytes))
		}
		files[f.path] = file
	}
	return files, nil
}

// revision is HEAD's where there is one, and the content's own otherwise.
func (s sight) revision(held *held) Revision {
	if s.outside {
		return Revision{ID: digestPrefix + held.digest}
	}
	revision := revisionOf(s.worktree.head, s.branch)
	if held.root != s.worktree.tree {
		const digits = 12
		revision.Dirty = true
		revision.ID += dirtyInfix + held.digest[:digits]
	}
	return revision
}

// difference names a file that two looks saw differently.
func difference(before, after []scanned) string {
	for i := range max(len(before), len(after)) {
		switch {
		case i >= len(after):
			return before[i].path
		case i >= len(before) || before[i] != after[i]:
			return after[i].path
		}
	}
	return "its commit"
}
