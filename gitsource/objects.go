package gitsource

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// objects is what a tree reads from. All methods may be called concurrently.
type objects interface {
	// tree lists a directory, in no order.
	tree(id plumbing.Hash) ([]object.TreeEntry, error)
	// size of a file or link in bytes, found without loading it; errOversized if it is known only that it was too large to be kept.
	size(id plumbing.Hash) (int64, error)
	// blob reads a file, or the target of a link.
	blob(id plumbing.Hash) ([]byte, error)
}

// errOversized says that a file is left out because of its size.
var errOversized = errors.New("oversized")

// stored reads the objects of a repository on disk. go-git's storage may not be used concurrently, hence the lock.
type stored struct {
	mu    sync.Mutex
	store *filesystem.Storage

	// partial says that files which are too large were not fetched, so that a missing one is no damage.
	partial bool
	// shared says that others may repack the repository at any time.
	shared bool
	// broken words the error for an object that is missing or cannot be read; the cause is the library's.
	broken func(cause error) error
}

func (s *stored) tree(id plumbing.Hash) ([]object.TreeEntry, error) {
	var entries []object.TreeEntry
	err := s.read(func() error {
		tree, err := object.GetTree(s.store, id)
		if err == nil {
			entries = tree.Entries
		}
		return err
	})
	return entries, s.explain(err)
}

func (s *stored) commit(id plumbing.Hash) (*object.Commit, error) {
	var commit *object.Commit
	err := s.read(func() (err error) {
		commit, err = object.GetCommit(s.store, id)
		return err
	})
	return commit, err
}

// peel follows annotated tags to the commit that they name.
func (s *stored) peel(id plumbing.Hash) (*object.Commit, error) {
	for {
		var found object.Object
		err := s.read(func() (err error) {
			found, err = object.GetObject(s.store, id)
			return err
		})
		if err != nil {
			return nil, s.broken(err)
		}
		switch o := found.(type) {
		case *object.Commit:
			return o, nil
		case *object.Tag:
			id = o.Target
		default:
			return nil, fail(ErrNotFound, nil, "%s is a %s, not a commit", id, found.Type())
		}
	}
}

func (s *stored) has(id plumbing.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.HasEncodedObject(id) == nil
}

func (s *stored) size(id plumbing.Hash) (int64, error) {
	var size int64
	err := s.read(func() (err error) {
		size, err = s.store.EncodedObjectSize(id)
		return err
	})
	if errors.Is(err, plumbing.ErrObjectNotFound) && s.isPartial() {
		return 0, errOversized
	}
	return size, s.explain(err)
}

func (s *stored) blob(id plumbing.Hash) ([]byte, error) {
	var content []byte
	err := s.read(func() error {
		encoded, err := s.store.EncodedObject(plumbing.BlobObject, id)
		if err != nil {
			return err
		}
		r, err := encoded.Reader()
		if err != nil {
			return err
		}
		defer r.Close()
		content, err = io.ReadAll(r)
		return err
	})
	// go-git does not compare what it read with its name, and a disk may have changed it.
	if err == nil && plumbing.ComputeHash(plumbing.BlobObject, content) != id {
		err = fmt.Errorf("content of %s does not match its name", id)
	}
	return content, s.explain(err)
}

// read runs f with the lock held; again with a new index, if others may have moved the object to another pack.
func (s *stored) read(f func() error) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("reading objects: %v", r)
		}
	}()
	err = f()
	if s.shared && (errors.Is(err, plumbing.ErrObjectNotFound) || errors.Is(err, fs.ErrNotExist)) {
		s.store.Reindex()
		err = f()
	}
	return err
}

// close gives back open files; a later read opens them again.
func (s *stored) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.Close()
}

func (s *stored) isPartial() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.partial
}

// refresh has later reads see what was stored since.
func (s *stored) refresh(partial bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partial = partial
	s.store.Reindex()
}

func (s *stored) explain(err error) error {
	if err == nil {
		return nil
	}
	return s.broken(err)
}
