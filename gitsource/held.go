package gitsource

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// held is a copy of a directory in memory, as Git objects: so a directory is read like a commit, and compared with one by a hash.
type held struct {
	root   plumbing.Hash
	digest string // SHA-256 over names, modes and contents, in hex
	trees  map[plumbing.Hash][]object.TreeEntry
	files  map[plumbing.Hash]heldFile
}

// heldFile is one file or link. A file above the limit has no content, but all else.
type heldFile struct {
	mode    filemode.FileMode
	id      plumbing.Hash
	digest  [sha256.Size]byte
	size    int64
	content []byte
}

func (h *held) tree(id plumbing.Hash) ([]object.TreeEntry, error) { return h.trees[id], nil }
func (h *held) size(id plumbing.Hash) (int64, error)              { return h.files[id].size, nil }
func (h *held) blob(id plumbing.Hash) ([]byte, error)             { return h.files[id].content, nil }

// newHeld makes the tree of files, given by path. Like Git it knows no empty directories but the root.
func newHeld(files map[string]heldFile) (*held, error) {
	h := &held{trees: map[plumbing.Hash][]object.TreeEntry{}, files: map[plumbing.Hash]heldFile{}}
	top := &folder{}
	digest := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		file := files[path]
		h.files[file.id] = file
		top.add(path, file)
		fmt.Fprintf(digest, "%s %q %x\n", file.mode, path, file.digest)
	}
	h.digest = hex.EncodeToString(digest.Sum(nil))
	var err error
	h.root, err = h.store(top)
	return h, err
}

// folder is a directory while it is put together.
type folder struct {
	entries []object.TreeEntry
	folders map[string]*folder
}

func (f *folder) add(path string, file heldFile) {
	name, below, ok := strings.Cut(path, "/")
	if !ok {
		f.entries = append(f.entries, object.TreeEntry{Name: name, Mode: file.mode, Hash: file.id})
		return
	}
	if f.folders[name] == nil {
		if f.folders == nil {
			f.folders = map[string]*folder{}
		}
		f.folders[name] = &folder{}
	}
	f.folders[name].add(below, file)
}

// store gives a folder its hash, which those below it determine.
func (h *held) store(f *folder) (plumbing.Hash, error) {
	entries := f.entries
	for name, below := range f.folders {
		id, err := h.store(below)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		entries = append(entries, object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: id})
	}
	sort.Sort(object.TreeEntrySorter(entries))
	var encoded plumbing.MemoryObject
	if err := (&object.Tree{Entries: entries}).Encode(&encoded); err != nil {
		return plumbing.ZeroHash, err
	}
	h.trees[encoded.Hash()] = entries
	return encoded.Hash(), nil
}
