package stories

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// ballastRest is what fill-disk leaves free: less than objects need, more than statuses do.
const ballastRest = 40 << 20

// smallDisk is small-disk DIR MIB: the directory is a file system of its own, of that size.
func smallDisk(ts *testscript.TestScript, neg bool, args []string) {
	current(ts, neg)
	if len(args) != 2 {
		ts.Fatalf("usage: small-disk DIR MIB")
	}
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(unix.Mount("small-disk", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0700", size)))
	ts.Defer(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// fillDisk is fill-disk DIR: the file ballast in it takes all but a rest.
func fillDisk(ts *testscript.TestScript, neg bool, args []string) {
	current(ts, neg)
	if len(args) != 1 {
		ts.Fatalf("usage: fill-disk DIR")
	}
	dir := ts.MkAbs(args[0])
	var disk unix.Statfs_t
	ts.Check(unix.Statfs(dir, &disk))
	free := int64(disk.Bavail) * disk.Bsize
	if free <= ballastRest {
		ts.Check(errors.New("the disk is full already"))
	}
	file, err := os.Create(filepath.Join(dir, "ballast"))
	ts.Check(err)
	defer file.Close()
	ts.Check(unix.Fallocate(int(file.Fd()), 0, 0, free-ballastRest))
}
