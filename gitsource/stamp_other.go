//go:build !linux

package gitsource

import "io/fs"

// stamp tells one state of a file from another without reading it.
type stamp struct {
	mode          fs.FileMode
	size          int64
	device, inode uint64
	modified      int64 // nanoseconds since 1970
	changed       int64
}

func stampOf(info fs.FileInfo) stamp {
	modified := info.ModTime().UnixNano()
	return stamp{mode: info.Mode(), size: info.Size(), modified: modified, changed: modified}
}
