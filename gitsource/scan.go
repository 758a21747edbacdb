package gitsource

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// errChanged says that a file is not what it was a moment ago.
var errChanged = errors.New("changed while it was read")

// scanned is what a look at one file or link found. Two looks that found the same are equal.
type scanned struct {
	path string
	stamp
	target    string        // of a link
	submodule bool          // a repository within the work tree, whose commit is
	commit    plumbing.Hash // what the outer HEAD says, or zero
}

// editors' files: Vim's swap files and its probe for a writable directory, backups, Emacs' locks.
var editorFile = regexp.MustCompile(`^(\..*\.sw[a-z]|.*~|4913|\.#.*)$`)

// scanner lists the files of a directory.
type scanner struct {
	root   *os.Root
	rules  *ignoreRules // nil outside a work tree
	limits Limits

	found   []scanned
	changed int64 // the last change of a file, or of what a directory lists
}

// scan looks at each file, and reads none but .gitignore files. Sockets, pipes and devices are left out, as Git does.
// changed is when the last change happened, a removal included.
func scan(ctx context.Context, root *os.Root, rules *ignoreRules, limits Limits) (found []scanned, changed time.Time, err error) {
	info, err := root.Stat(".")
	if err != nil {
		return nil, time.Time{}, err
	}
	s := &scanner{root: root, rules: rules, limits: limits}
	// The directory itself counts as far as it may be exchanged for another.
	identity := stampOf(info)
	s.found = []scanned{{path: ".", stamp: stamp{device: identity.device, inode: identity.inode}}}
	err = s.directory(ctx, ".")
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.Join(errChanged, err) // gone between the listing and the look
	}
	return s.found, time.Unix(0, s.changed), err
}

func (s *scanner) directory(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := s.list(name)
	if err != nil {
		return err
	}
	s.rules.enter(name, entries, s.root.ReadFile)
	for _, entry := range entries {
		if err := s.entry(ctx, path.Join(name, entry.Name()), entry); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) list(name string) ([]fs.DirEntry, error) {
	directory, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	info, err := directory.Stat()
	if err != nil {
		return nil, err
	}
	s.changed = max(s.changed, stampOf(info).changed)
	entries, err := directory.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

func (s *scanner) entry(ctx context.Context, name string, entry fs.DirEntry) error {
	if s.rules.skips(name, entry) {
		return nil
	}
	if len(s.found) > s.limits.Files {
		return fail(ErrTooLarge, nil, "the directory %s holds more than %d files; name the directory of the manifests", s.root.Name(), s.limits.Files)
	}
	switch kind := entry.Type(); {
	case kind.IsDir():
		if commit, ok := s.rules.submodule(s.root, name); ok {
			s.found = append(s.found, scanned{path: name, submodule: true, commit: commit})
			return nil
		}
		return s.directory(ctx, name)
	case kind.IsRegular(), kind == fs.ModeSymlink:
		return s.file(name)
	default:
		return nil
	}
}

func (s *scanner) file(name string) error {
	info, err := s.root.Lstat(name)
	if err != nil {
		return err
	}
	found := scanned{path: name, stamp: stampOf(info)}
	if info.Mode().Type() == fs.ModeSymlink {
		if found.target, err = s.root.Readlink(name); err != nil {
			return err
		}
	}
	s.found = append(s.found, found)
	s.changed = max(s.changed, found.changed)
	return nil
}

// read takes one file into memory, or only its hash if it is too large. A file that is not as scanned is errChanged.
func (f scanned) read(ctx context.Context, root *os.Root, limits Limits) (heldFile, error) {
	switch {
	case f.submodule:
		return heldFile{mode: filemode.Submodule, id: f.commit, digest: sha256.Sum256(f.commit[:])}, nil
	case f.mode.Type() == fs.ModeSymlink:
		content := []byte(f.target)
		return heldFile{mode: filemode.Symlink, id: plumbing.ComputeHash(plumbing.BlobObject, content),
			digest: sha256.Sum256(content), size: int64(len(content)), content: content}, nil
	}
	// Never wait for a pipe, nor follow a link, that has taken the file's place.
	opened, err := root.OpenFile(f.path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return heldFile{}, err
	}
	defer opened.Close()
	if info, err := opened.Stat(); err != nil || stampOf(info) != f.stamp {
		return heldFile{}, errors.Join(errChanged, err)
	}
	id, digest := plumbing.NewHasher(plumbing.BlobObject, f.size), sha256.New()
	sinks := []io.Writer{id, digest}
	var content bytes.Buffer
	if f.size <= limits.FileBytes {
		content.Grow(int(f.size))
		sinks = append(sinks, &content)
	}
	n, err := io.Copy(io.MultiWriter(sinks...), io.LimitReader(cancellable{ctx, opened}, f.size+1))
	if err != nil {
		return heldFile{}, err
	}
	if n != f.size {
		return heldFile{}, errChanged
	}
	held := heldFile{mode: filemode.Regular, id: id.Sum(), digest: [sha256.Size]byte(digest.Sum(nil)), size: n, content: content.Bytes()}
	if f.mode&0o100 != 0 {
		held.mode = filemode.Executable
	}
	return held, nil
}

// cancellable ends a long read with its context.
type cancellable struct {
	ctx context.Context
	io.Reader
}

func (c cancellable) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Reader.Read(b)
}
