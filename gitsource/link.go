package gitsource

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

const (
	follow = true
	// maxLinks on the way to one file, as Linux has it.
	maxLinks = 40
	// maxLinkBytes is the longest target that can name anything.
	maxLinkBytes = 4096
)

// find walks from the root of the whole tree to name. Every component may be a symbolic link; the last one is followed
// only if followLast. A link cannot lead above the root: that is ErrUnsafe.
func (t *tree) find(op, name string, followLast bool) (object.TreeEntry, error) {
	if !utf8.ValidString(name) {
		return object.TreeEntry{}, pathError(op, name, fail(ErrUnsupported, fs.ErrInvalid, "has a name that is not UTF-8; rename it"))
	}
	if !fs.ValidPath(name) {
		return object.TreeEntry{}, pathError(op, name, fs.ErrInvalid)
	}
	entry, err := t.walk(path.Join(t.at, name), followLast)
	if err != nil {
		return object.TreeEntry{}, pathError(op, name, err)
	}
	return entry, nil
}

func (t *trunk) walk(name string, followLast bool) (object.TreeEntry, error) {
	here := []object.TreeEntry{{Name: ".", Mode: filemode.Dir, Hash: t.root}} // from the root down to where the walk is
	pending := strings.Split(name, "/")
	links := 0
	var link, target string // the link being followed, for messages
	for len(pending) > 0 {
		head, rest := pending[0], pending[1:]
		pending = rest
		switch head {
		case "", ".":
			continue
		case "..":
			if len(here) == 1 {
				return object.TreeEntry{}, fail(ErrUnsafe, nil, "the symbolic link %s leads to %q, outside the tree", link, target)
			}
			here = here[:len(here)-1]
			continue
		}
		entry, err := t.child(here[len(here)-1], head)
		if err != nil {
			return object.TreeEntry{}, err
		}
		if entry.Mode == filemode.Symlink && (len(rest) > 0 || followLast) {
			if links++; links > maxLinks {
				return object.TreeEntry{}, fail(ErrUnsafe, nil, "too many symbolic links; does %s lead to itself?", pathOf(here, head))
			}
			link = pathOf(here, head)
			if target, err = t.linkTarget(entry); err != nil {
				return object.TreeEntry{}, err
			}
			if path.IsAbs(target) {
				return object.TreeEntry{}, fail(ErrUnsafe, nil, "the symbolic link %s leads to %q, outside the tree", link, target)
			}
			pending = slices.Concat(strings.Split(target, "/"), rest)
			continue
		}
		here = append(here, entry)
	}
	return here[len(here)-1], nil
}

// child looks name up in a directory.
func (t *trunk) child(directory object.TreeEntry, name string) (object.TreeEntry, error) {
	switch directory.Mode {
	case filemode.Dir:
	case filemode.Submodule:
		return object.TreeEntry{}, errSubmodule
	default:
		return object.TreeEntry{}, fs.ErrNotExist
	}
	entries, err := t.children(directory.Hash)
	if err != nil {
		return object.TreeEntry{}, err
	}
	i, ok := slices.BinarySearchFunc(entries, name, func(e object.TreeEntry, name string) int { return strings.Compare(e.Name, name) })
	if !ok || strings.EqualFold(name, ".git") {
		return object.TreeEntry{}, fs.ErrNotExist
	}
	return entries[i], nil
}

func (t *trunk) linkTarget(link object.TreeEntry) (string, error) {
	bytes, err := t.size(link.Hash)
	if err != nil {
		return "", t.oversized(err)
	}
	if bytes > maxLinkBytes {
		return "", fail(ErrUnsafe, nil, "is a symbolic link with a target of %s", size(bytes))
	}
	target, err := t.blob(link.Hash)
	return string(target), err
}

func pathOf(here []object.TreeEntry, last string) string {
	names := make([]string, 0, len(here)+1)
	for _, entry := range here {
		names = append(names, entry.Name)
	}
	return path.Join(append(names, last)...)
}
