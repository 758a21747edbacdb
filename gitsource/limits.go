package gitsource

import "fmt"

// Limits bound what a source may cost. Zero fields take the defaults.
type Limits struct {
	// FileBytes is the largest file that can be opened; a larger one is listed, and refused when it is opened, before it is
	// loaded. Default 10 MiB.
	FileBytes int64
	// Files is how many files and directories one Snapshot may hold. Default 50,000.
	Files int
	// TotalBytes is how much of a directory is copied into memory for one Snapshot; a Git source reads its files from
	// disk. Default 256 MiB.
	TotalBytes int64
	// ObjectBytes is the largest object that a fetch takes in, wherever in the history it is. It bounds memory: an object is
	// held whole while its pack is indexed. Default 128 MiB, above what the big hosts accept (100 MB).
	ObjectBytes int64
}

func (l Limits) withDefaults() Limits {
	if l.FileBytes <= 0 {
		l.FileBytes = 10 << 20
	}
	if l.Files <= 0 {
		l.Files = 50_000
	}
	if l.TotalBytes <= 0 {
		l.TotalBytes = 256 << 20
	}
	if l.ObjectBytes <= 0 {
		l.ObjectBytes = 128 << 20
	}
	return l
}

// size prints bytes for a message: "512 B", "10.0 MiB".
func size(bytes int64) string {
	const unit = 1024
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	value, prefix := float64(bytes), -1
	for value >= unit && prefix < 4 {
		value /= unit
		prefix++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[prefix])
}
