package gitsource

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// fileInfo describes one entry of a tree.
type fileInfo struct {
	name    string
	size    int64
	mode    fs.FileMode
	modTime time.Time
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return i.mode }
func (i fileInfo) ModTime() time.Time { return i.modTime }
func (i fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i fileInfo) Sys() any           { return nil }

// info lacks the size, which costs a look into the repository.
func (t *trunk) info(entry object.TreeEntry, name string) fileInfo {
	return fileInfo{name: name, mode: modeOf(entry.Mode), modTime: t.modTime}
}

func (t *trunk) sizedInfo(entry object.TreeEntry, name string) (fileInfo, error) {
	info := t.info(entry, name)
	if entry.Mode == filemode.Dir || entry.Mode == filemode.Submodule {
		return info, nil
	}
	size, err := t.size(entry.Hash)
	info.size = size
	return info, t.oversized(err)
}

// modeOf makes a submodule neither directory nor file, so that walks pass it by.
func modeOf(mode filemode.FileMode) fs.FileMode {
	switch mode {
	case filemode.Dir:
		return fs.ModeDir | 0o555
	case filemode.Symlink:
		return fs.ModeSymlink | 0o777
	case filemode.Submodule:
		return fs.ModeIrregular
	case filemode.Executable:
		return 0o555
	default:
		return 0o444
	}
}

// directoryEntry is one line of a listing.
type directoryEntry struct {
	tree  *tree
	entry object.TreeEntry
}

func (e directoryEntry) Name() string               { return e.entry.Name }
func (e directoryEntry) IsDir() bool                { return e.entry.Mode == filemode.Dir }
func (e directoryEntry) Type() fs.FileMode          { return modeOf(e.entry.Mode).Type() }
func (e directoryEntry) Info() (fs.FileInfo, error) { return e.tree.sizedInfo(e.entry, e.entry.Name) }
func (e directoryEntry) String() string             { return fs.FormatDirEntry(e) }

// openFile is a file's content in memory.
type openFile struct {
	fileInfo
	*bytes.Reader
}

func newOpenFile(info fileInfo, content []byte) *openFile {
	return &openFile{fileInfo: info, Reader: bytes.NewReader(content)}
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.fileInfo, nil }
func (f *openFile) Close() error               { return nil }
func (f *openFile) Size() int64                { return f.fileInfo.size }

// openDirectory hands its listing out in portions.
type openDirectory struct {
	info    fileInfo
	entries []fs.DirEntry
}

func (d *openDirectory) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDirectory) Close() error               { return nil }

func (d *openDirectory) Read([]byte) (int, error) {
	return 0, pathError("read", d.info.name, errors.New("is a directory"))
}

func (d *openDirectory) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.entries) {
		n = len(d.entries)
	}
	portion := d.entries[:n]
	d.entries = d.entries[n:]
	return portion, nil
}
