package gitsource

import (
	"io/fs"
	"syscall"
	"time"
)

// stamp tells one state of a file from another without reading it. The change time cannot be set back, as the
// modification time can.
type stamp struct {
	mode          fs.FileMode
	size          int64
	device, inode uint64
	modified      int64 // nanoseconds since 1970
	changed       int64
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{mode: info.Mode(), size: info.Size(), modified: info.ModTime().UnixNano(), changed: info.ModTime().UnixNano()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		s.device, s.inode = uint64(stat.Dev), stat.Ino
		s.changed = time.Unix(int64(stat.Ctim.Sec), int64(stat.Ctim.Nsec)).UnixNano()
	}
	return s
}
