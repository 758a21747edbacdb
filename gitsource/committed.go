package gitsource

import (
	"context"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/object"
)

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
