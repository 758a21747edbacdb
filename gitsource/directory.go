package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// directorySource follows a directory by copying it into memory whenever it has come to rest.
type directorySource struct {
	options DirectoryOptions
	path    string

	busy    chan struct{} // holds one value while a fetch is under way
	closing context.Context
	close   context.CancelFunc

	mu   sync.Mutex
	last *copied
}

// copied is what the last Fetch found, kept to read only what has changed since.
type copied struct {
	sight
	files    map[string]heldFile
	snapshot Snapshot
}

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

// NewDirectory prepares to follow a directory. It checks the options (ErrInvalid) and does not touch the directory.
//
// Inside a Git work tree a revision is that of HEAD. It is Dirty if any file under Dir differs from HEAD byte for byte or in being
// executable, or is neither in HEAD nor ignored; ignored files are no part of the tree. A file that Git converts on checkout
// (core.autocrlf, LFS, filters) therefore always differs.
func NewDirectory(options DirectoryOptions) (Source, error) {
	if options.Dir == "" {
		return nil, fail(ErrInvalid, nil, "the source names no directory")
	}
	var err error
	if options.Dir, err = filepath.Abs(options.Dir); err != nil {
		return nil, fail(ErrInvalid, err, "the directory %q cannot be made absolute", options.Dir)
	}
	name, err := cleanPath(options.Path)
	if err != nil {
		return nil, err
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&options.Quiet, 100 * time.Millisecond}, {&options.Patience, 2 * time.Second}, {&options.Resync, time.Minute}} {
		if *d.value <= 0 {
			*d.value = d.usual
		}
	}
	options.Limits = options.Limits.withDefaults()
	d := &directorySource{options: options, path: name, busy: make(chan struct{}, 1)}
	d.closing, d.close = context.WithCancel(context.Background())
	return d, nil
}

func (d *directorySource) String() string { return d.options.Dir }

func (d *directorySource) Close() error {
	d.close()
	return nil
}

// Fetch waits until the directory has been left alone for Quiet, copies it, and makes sure that nothing changed meanwhile.
func (d *directorySource) Fetch(ctx context.Context) (Snapshot, error) {
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.closing, cancel)()
	snapshot, err := abandonable(bounded, d.busy, d.fetch)
	switch {
	case err == nil:
		return snapshot, nil
	case ctx.Err() != nil:
		return Snapshot{}, ctx.Err()
	case d.closing.Err() != nil:
		return Snapshot{}, fmt.Errorf("%s: %w", d, fs.ErrClosed)
	}
	return Snapshot{}, d.explain(err)
}

func (d *directorySource) fetch(ctx context.Context) (Snapshot, error) {
	d.mu.Lock()
	last := d.last
	d.mu.Unlock()
	for deadline := time.Now().Add(d.options.Patience); ; {
		now, changing, err := d.try(ctx, last)
		switch {
		case err == nil && now == last:
			same := last.snapshot
			same.Previous, same.Rewritten = same.ID, false
			return same, nil
		case err == nil:
			return d.arrive(ctx, now, last)
		case !errors.Is(err, errChanged):
			return Snapshot{}, err
		case time.Now().After(deadline):
			return Snapshot{}, fail(ErrUnstable, err, "the directory %s keeps changing (%s); it is read once it has been left alone for %s",
				d, changing, d.options.Quiet)
		}
	}
}

// try copies the directory, or returns last if nothing has changed since. If it is changing at the moment that is
// errChanged, and changing says where.
func (d *directorySource) try(ctx context.Context, last *copied) (now *copied, changing string, err error) {
	root, before, err := d.look(ctx)
	if err != nil {
		return nil, "its files", err
	}
	defer root.Close()
	if last != nil && before.equal(last.sight) {
		return last, "", nil
	}
	if err := rest(ctx, time.Since(before.changed), d.options.Quiet); err != nil {
		return nil, "", err
	}
	files, err := d.read(ctx, root, before, last)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errChanged) {
		return nil, "", err
	}
	again, after, err := d.look(ctx)
	if err != nil {
		return nil, "its files", err
	}
	again.Close()
	if files == nil || !after.equal(before) {
		return nil, difference(before.found, after.found), errChanged
	}
	return &copied{sight: before, files: files}, "", nil
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
			return nil, fail(ErrTooLarge, nil, "it holds more than %s; name the directory of the manifests", size(d.options.Limits.TotalBytes))
		}
		files[f.path] = file
	}
	return files, nil
}

// arrive makes the copy the newest one.
func (d *directorySource) arrive(ctx context.Context, now, last *copied) (Snapshot, error) {
	held, err := newHeld(now.files)
	if err != nil {
		return Snapshot{}, err
	}
	revision := now.revision(held)
	root := newTree(held, held.root, d.options.Limits, now.changed)
	files, err := subtree(root, d.path, d.String())
	if err != nil {
		return Snapshot{}, err
	}
	now.snapshot = Snapshot{Revision: revision, Files: files, Root: root, Path: d.path}
	snapshot := now.snapshot
	if last != nil {
		snapshot.Previous = last.snapshot.ID
		if w := now.worktree; w != nil && !last.head.IsZero() && last.head != now.head {
			descended, err := descends(ctx, w.objects, w.head, last.head)
			if err != nil {
				return Snapshot{}, w.objects.broken(err)
			}
			snapshot.Rewritten = !descended
		}
	}
	d.mu.Lock()
	d.last = now
	d.mu.Unlock()
	return snapshot, nil
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

// Log is that of the work tree's repository, for Dir and Path.
func (d *directorySource) Log(ctx context.Context, from string, n int) ([]Revision, error) {
	w, err := d.repository()
	if w == nil || err != nil {
		return nil, err
	}
	commit, _, _ := strings.Cut(from, dirtyInfix)
	start, err := findCommit(w.objects, commit, d.String())
	if err != nil {
		return nil, err
	}
	return history(ctx, w.objects, start, path.Join(w.within, d.path), n)
}

func (d *directorySource) At(ctx context.Context, id string) (Snapshot, error) {
	w, err := d.repository()
	if err != nil {
		return Snapshot{}, err
	}
	if w == nil || !fullCommit.MatchString(id) {
		return Snapshot{}, fail(ErrNotFound, nil, "the state %s of the directory %s was never committed, and is not kept", Revision{ID: id}.Short(), d)
	}
	commit, err := findCommit(w.objects, id, d.String())
	if err != nil {
		return Snapshot{}, err
	}
	return d.at(ctx, w, commit)
}

// at shows an earlier commit as Fetch would have: with Dir as the root.
func (d *directorySource) at(ctx context.Context, w *worktree, commit *object.Commit) (Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return Snapshot{}, err
	}
	revision := revisionOf(commit, "")
	label := d.String() + " at " + revision.Short()
	whole := newTree(w.objects, commit.TreeHash, d.options.Limits, revision.Time)
	if _, err := subtree(whole, w.within, label); err != nil {
		return Snapshot{}, err
	}
	within, err := w.objects.at(commit.TreeHash, w.within)
	if err != nil {
		return Snapshot{}, err
	}
	root := newTree(w.objects, within, d.options.Limits, revision.Time)
	files, err := subtree(root, d.path, label)
	if err != nil {
		return Snapshot{}, err
	}
	return Snapshot{Revision: revision, Files: files, Root: root, Path: d.path}, nil
}

// repository is that around the directory; nil if there is none.
func (d *directorySource) repository() (*worktree, error) {
	directory, err := filepath.EvalSymlinks(d.options.Dir)
	if err != nil {
		return nil, d.explain(err)
	}
	return openWorktree(directory)
}

// explain puts what the file system says into the user's terms.
func (d *directorySource) explain(err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		if f.kind == ErrTooLarge {
			return fail(ErrTooLarge, err, "the directory %s cannot be read: %s", d, f.sentence)
		}
		return f
	}
	switch info, statErr := os.Stat(d.options.Dir); {
	case errors.Is(statErr, fs.ErrNotExist):
		return fail(ErrNotFound, err, "the directory %s does not exist", d)
	case errors.Is(statErr, fs.ErrPermission):
		return fail(ErrAuth, err, "the directory %s may not be read by this user", d)
	case statErr == nil && !info.IsDir():
		return fail(ErrNotFound, err, "%s is a file, not a directory", d)
	}
	pathError, ok := errors.AsType[*fs.PathError](err)
	switch {
	case ok && errors.Is(err, fs.ErrPermission):
		return fail(ErrAuth, err, "%s in the directory %s may not be read by this user", pathError.Path, d)
	case errors.Is(err, fs.ErrNotExist):
		return fail(ErrUnstable, err, "the directory %s changed while it was read", d)
	default:
		return fail(ErrUnreachable, err, "the directory %s cannot be read: %s", d, scrub(err.Error()))
	}
}
