package gitsource

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// history lists up to n commits that changed something at the path, newest first, from start on along first parents. In a
// shallow repository it ends where that ends.
func history(ctx context.Context, repository *stored, commit *object.Commit, at string, n int) ([]Revision, error) {
	here, err := repository.at(commit.TreeHash, at)
	if err != nil {
		return nil, err
	}
	var list []Revision
	for len(list) < n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var before plumbing.Hash // zero where the path is not there
		var parent *object.Commit
		if len(commit.ParentHashes) > 0 {
			parent, err = repository.commit(commit.ParentHashes[0])
			if err != nil && !errors.Is(err, plumbing.ErrObjectNotFound) {
				return nil, repository.broken(err)
			}
		}
		if parent != nil {
			if before, err = repository.at(parent.TreeHash, at); err != nil {
				return nil, err
			}
		}
		if here != before {
			list = append(list, revisionOf(commit, ""))
		}
		if parent == nil {
			return list, nil
		}
		commit, here = parent, before
	}
	return list, nil
}

// at finds the object at a path of a tree, following no links; zero if there is none.
func (s *stored) at(root plumbing.Hash, name string) (plumbing.Hash, error) {
	here := object.TreeEntry{Mode: filemode.Dir, Hash: root}
	for part := range strings.SplitSeq(name, "/") {
		if part == "." {
			continue
		}
		if here.Mode != filemode.Dir {
			return plumbing.ZeroHash, nil
		}
		entries, err := s.tree(here.Hash)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		i := slices.IndexFunc(entries, func(e object.TreeEntry) bool { return e.Name == part })
		if i < 0 {
			return plumbing.ZeroHash, nil
		}
		here = entries[i]
	}
	return here.Hash, nil
}

// descends tells whether commit has ancestor in its history, or is it. It looks at newer commits first, so it reads little
// unless history was rewritten; then it reads all of it, once.
func descends(ctx context.Context, repository *stored, commit *object.Commit, ancestor plumbing.Hash) (bool, error) {
	found := false
	err := repository.read(func() error {
		return object.NewCommitIterCTime(commit, nil, nil).ForEach(func(c *object.Commit) error {
			if found = c.Hash == ancestor; found {
				return storer.ErrStop
			}
			return ctx.Err()
		})
	})
	if err != nil && ctx.Err() == nil {
		err = repository.broken(err)
	}
	return found, err
}

// haves is a sample of what a commit has behind it: its latest first parents, then ever fewer, so that a remote finds
// something in common even after a force-push.
func haves(repository *stored, commit plumbing.Hash) []plumbing.Hash {
	const dense, most = 16, 64
	var sample []plumbing.Hash
	gap := 1
	for distance, next := 0, 0; len(sample) < most; distance++ {
		c, err := repository.commit(commit)
		if err != nil {
			break
		}
		if distance == next {
			sample = append(sample, c.Hash)
			if len(sample) > dense {
				gap *= 2
			}
			next += gap
		}
		if len(c.ParentHashes) == 0 {
			break
		}
		commit = c.ParentHashes[0]
	}
	return sample
}
