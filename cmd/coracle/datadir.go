package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockDataDir makes the directory and keeps other daemons out of it until release is called or the process ends.
func lockDataDir(dir string) (release func(), err error) {
	file, held, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if !held {
		defer file.Close()
		return nil, fmt.Errorf("another coracle%s runs on data directory %s; stop it, or give this one another --data-dir", holder(file), dir)
	}
	if err := file.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(file, "%d\n", os.Getpid())
	}
	return func() { _ = file.Close() }, nil
}

// lockFile opens a file, made with its directory as needed, and tries to lock it: held says whether nobody else does. Closing the
// file, or the end of the process, unlocks it.
func lockFile(path string) (file *os.File, held bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, false, err
	}
	if file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, false, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
		_ = file.Close()
		return nil, false, fmt.Errorf("lock %s: %w", path, err)
	}
	return file, err == nil, nil
}

func holder(lock *os.File) string {
	data := make([]byte, 16)
	n, _ := lock.ReadAt(data, 0)
	if pid := strings.TrimSpace(string(data[:n])); pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}
