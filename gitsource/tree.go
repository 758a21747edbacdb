package gitsource

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// tree is a Git tree as a file system, which reads on demand and follows symbolic links inside the tree only. It
// implements fs.ReadDirFS, fs.ReadFileFS, fs.StatFS, fs.ReadLinkFS and fs.SubFS.
type tree struct {
	*trunk
	at string // the directory of the trunk that is this file system's root; "." for all
}

// trunk is what all sub-trees of one snapshot share.
type trunk struct {
	objects
	root    plumbing.Hash
	limits  Limits
	modTime time.Time // of every file: that of the commit, or of the newest file

	listed sync.Map     // plumbing.Hash → []object.TreeEntry sorted by name
	count  atomic.Int64 // of entries listed so far
}

func newTree(objects objects, root plumbing.Hash, limits Limits, modTime time.Time) *tree {
	return &tree{at: ".", trunk: &trunk{objects: objects, root: root, limits: limits, modTime: modTime}}
}

// Open reads the whole file, which is at most Limits.FileBytes long.
func (t *tree) Open(name string) (fs.File, error) {
	entry, err := t.find("open", name, follow)
	if err != nil {
		return nil, err
	}
	if entry.Mode == filemode.Dir {
		entries, err := t.ReadDir(name)
		if err != nil {
			return nil, err
		}
		return &openDirectory{info: t.info(entry, path.Base(name)), entries: entries}, nil
	}
	content, err := t.content(entry)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	info := t.info(entry, path.Base(name))
	info.size = int64(len(content))
	return newOpenFile(info, content), nil
}

func (t *tree) ReadFile(name string) ([]byte, error) {
	entry, err := t.find("open", name, follow)
	if err != nil {
		return nil, err
	}
	if entry.Mode == filemode.Dir {
		return nil, pathError("read", name, errors.New("is a directory"))
	}
	content, err := t.content(entry)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return content, nil
}

func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	entry, err := t.find("readdir", name, follow)
	if err != nil {
		return nil, err
	}
	if entry.Mode != filemode.Dir {
		return nil, pathError("readdir", name, errors.New("not a directory"))
	}
	children, err := t.children(entry.Hash)
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	entries := make([]fs.DirEntry, 0, len(children))
	for _, child := range children {
		if !hidden(child.Name) {
			entries = append(entries, directoryEntry{tree: t, entry: child})
		}
	}
	return entries, nil
}

// Stat follows links; Lstat does not follow the last one.
func (t *tree) Stat(name string) (fs.FileInfo, error) { return t.stat("stat", name, follow) }

func (t *tree) Lstat(name string) (fs.FileInfo, error) { return t.stat("lstat", name, !follow) }

func (t *tree) stat(op, name string, followLast bool) (fs.FileInfo, error) {
	entry, err := t.find(op, name, followLast)
	if err != nil {
		return nil, err
	}
	info, err := t.sizedInfo(entry, path.Base(name))
	if err != nil {
		return nil, pathError(op, name, err)
	}
	return info, nil
}

func (t *tree) ReadLink(name string) (string, error) {
	entry, err := t.find("readlink", name, !follow)
	if err != nil {
		return "", err
	}
	if entry.Mode != filemode.Symlink {
		return "", pathError("readlink", name, fs.ErrInvalid)
	}
	target, err := t.linkTarget(entry)
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	return target, nil
}

// Sub gives the same kind of file system, so that links may still lead to anywhere in the whole tree.
func (t *tree) Sub(dir string) (fs.FS, error) {
	info, err := t.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, pathError("sub", dir, errors.New("not a directory"))
	}
	return &tree{trunk: t.trunk, at: path.Join(t.at, dir)}, nil
}

// pathError is an fs.PathError, as callers of a file system expect, that prints on one line.
func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: clean(name, maxLinkBytes), Err: err}
}

// hidden are the names that a listing leaves out: Git's own directory, and what begins with two dots, where volumes of
// ConfigMaps keep the files that their visible links lead to. Through those links they can be opened.
func hidden(name string) bool {
	return strings.EqualFold(name, ".git") || strings.HasPrefix(name, "..")
}

// children lists a directory, sorted by name.
func (t *trunk) children(id plumbing.Hash) ([]object.TreeEntry, error) {
	if entries, ok := t.listed.Load(id); ok {
		return entries.([]object.TreeEntry), nil
	}
	entries, err := t.tree(id)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if entry.Name == "." || entry.Name == ".." || strings.Contains(entry.Name, "/") {
			return nil, fail(ErrUnsafe, nil, "holds an entry with the forbidden name %q", entry.Name)
		}
	}
	if t.count.Add(int64(len(entries))) > int64(t.limits.Files) {
		return nil, fail(ErrTooLarge, nil, "the tree holds more than %d files and directories; point the path at the manifests", t.limits.Files)
	}
	entries = slices.SortedFunc(slices.Values(entries), func(a, b object.TreeEntry) int { return strings.Compare(a.Name, b.Name) })
	t.listed.Store(id, entries)
	return entries, nil
}

// lfsPointer begins every file that Git LFS keeps elsewhere; a pointer is never longer than lfsPointerBytes.
const (
	lfsPointer      = "version https://git-lfs.github.com/spec/"
	lfsPointerBytes = 1024
)

// content reads a file, having looked at its size first.
func (t *trunk) content(entry object.TreeEntry) ([]byte, error) {
	if entry.Mode == filemode.Submodule {
		return nil, errSubmodule
	}
	bytes, err := t.size(entry.Hash)
	if err != nil {
		return nil, t.oversized(err)
	}
	if bytes > t.limits.FileBytes {
		return nil, fail(ErrTooLarge, nil, "is %s, more than the limit of %s for one file", size(bytes), size(t.limits.FileBytes))
	}
	content, err := t.blob(entry.Hash)
	if err != nil {
		return nil, err
	}
	if len(content) <= lfsPointerBytes && strings.HasPrefix(string(content), lfsPointer) {
		return nil, fail(ErrUnsupported, nil, "is a Git LFS pointer, whose content is not in the repository; commit the file itself")
	}
	return content, nil
}

func (t *trunk) oversized(err error) error {
	if errors.Is(err, errOversized) {
		return fail(ErrTooLarge, nil, "is larger than the limit of %s for one file", size(t.limits.FileBytes))
	}
	return err
}

var errSubmodule = fail(ErrUnsupported, nil, "belongs to a submodule, which is not fetched; give it an Application of its own")
