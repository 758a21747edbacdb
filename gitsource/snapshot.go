package gitsource

import (
	"context"
	"errors"
	"io/fs"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

func (s *gitSource) snapshot(c *cache, commit *object.Commit, ref string) (Snapshot, error) {
	return snapshotOf(c.objects, commit, ref, s.path, s.options.Limits, s.String())
}

// snapshotOf shows a commit's tree at a path.
func snapshotOf(repository *stored, commit *object.Commit, ref, path string, limits Limits, source string) (Snapshot, error) {
	revision := revisionOf(commit, ref)
	root := newTree(repository, commit.TreeHash, limits, revision.Time)
	files, err := subtree(root, path, source+" at "+revision.Short())
	if err != nil {
		return Snapshot{}, err
	}
	return Snapshot{Revision: revision, Files: files, Root: root, Path: path}, nil
}

// subtree is the directory at a path; label names the tree for errors.
func subtree(root *tree, path, label string) (fs.FS, error) {
	files, err := root.Sub(path)
	pathError, ok := errors.AsType[*fs.PathError](err)
	switch {
	case err == nil:
		return files, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, fail(ErrNotFound, err, "%s has no directory %q", label, path)
	case !ok:
		return nil, err
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return nil, fail(f.kind, err, "%s: %s: %s", label, path, f.sentence)
	}
	return nil, fail(ErrNotFound, err, "%s: %q is %v", label, path, pathError.Err)
}

func (s *gitSource) Log(ctx context.Context, from string, n int) ([]Revision, error) {
	c, commit, err := s.cached(from)
	if err != nil {
		return nil, err
	}
	return history(ctx, c.objects, commit, s.path, n)
}

func (s *gitSource) At(ctx context.Context, id string) (Snapshot, error) {
	c, commit, err := s.cached(id)
	if err != nil {
		return Snapshot{}, err
	}
	if err := ctx.Err(); err != nil {
		return Snapshot{}, err
	}
	return s.snapshot(c, commit, "")
}

// cached finds a commit that was fetched.
func (s *gitSource) cached(id string) (*cache, *object.Commit, error) {
	c, err := s.openCache()
	if err != nil {
		return nil, nil, explainFetch(err, s.location, s.options.CacheDir)
	}
	commit, err := findCommit(c.objects, id, s.String())
	return c, commit, err
}

func findCommit(repository *stored, id, source string) (*object.Commit, error) {
	if !fullCommit.MatchString(id) {
		return nil, fail(ErrNotFound, nil, "%q is no commit of %s", id, source)
	}
	commit, err := repository.commit(plumbing.NewHash(id))
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fail(ErrNotFound, err, "the history of %s holds no commit %s", source, id)
	}
	if err != nil {
		return nil, repository.broken(err)
	}
	return commit, nil
}
