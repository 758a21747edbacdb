//go:build unix

package node

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// diskUsed is how much of the file system that holds DataDir is used, in percent, as df counts it.
func (n *Node) diskUsed() (int, error) {
	if n.DataDir == "" {
		return 0, nil
	}
	var stat unix.Statfs_t
	err := unix.Statfs(n.DataDir, &stat)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil // nothing was kept yet
	}
	if err != nil {
		return 0, fmt.Errorf("read use of disk: %w", err)
	}
	used := stat.Blocks - stat.Bfree
	if used+stat.Bavail == 0 {
		return 0, nil
	}
	return int(100 * used / (used + stat.Bavail)), nil
}
