package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cgroupRoot is where all cgroup hierarchies are: one file system (version 2), or one directory each (version 1).
const cgroupRoot = "/sys/fs/cgroup"

// cgroup is the machine's, "/coracle-machine-<directory of machines>/<machine>": the parent of its containers'.
func (m *Machine) cgroup() string { return cgroupOf(filepath.Dir(m.Dir)) + "/" + m.Name() }

func cgroupOf(dir string) string { return "/" + initName + strings.ReplaceAll(dir, "/", "-") }

// RemoveCgroups removes those of all machines whose directories are right below dir, and have no power any more: of some that
// nobody has switched off, but ended otherwise.
func RemoveCgroups(dir string) error { return removeCgroups(cgroupOf(dir)) }

// removeCgroups removes a cgroup, those below it, and its parents if they are empty, from all hierarchies.
func removeCgroups(path string) error {
	hierarchies, err := filepath.Glob(cgroupRoot + "/*" + path)
	if err != nil {
		return fmt.Errorf("find cgroups: %w", err)
	}
	for _, dir := range append(hierarchies, cgroupRoot+path) {
		// One whose last process has just ended is busy for a moment.
		err := eventually(context.Background(), 10*time.Second, func() (bool, error) {
			err := removeTree(dir)
			return err == nil, ignore(err, syscall.EBUSY)
		})
		if err != nil {
			return fmt.Errorf("remove cgroup %s: %w", dir, err)
		}
		if err := ignore(syscall.Rmdir(filepath.Dir(dir)), syscall.ENOENT, syscall.EBUSY, syscall.ENOTEMPTY); err != nil {
			return fmt.Errorf("remove cgroup: %w", err)
		}
	}
	return nil
}

// removeTree removes the directories, lowest first. The files in them are the kernel's, and go with them.
func removeTree(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return ignore(err, fs.ErrNotExist, syscall.ENODEV) // the kernel says the latter of what it is removing
	})
	if err != nil {
		return err
	}
	for _, dir := range slices.Backward(dirs) {
		if err := ignore(syscall.Rmdir(dir), syscall.ENOENT, syscall.ENODEV); err != nil {
			return err
		}
	}
	return nil
}

func ignore(err error, harmless ...error) error {
	for _, one := range harmless {
		if errors.Is(err, one) {
			return nil
		}
	}
	return err
}
