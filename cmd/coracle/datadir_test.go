package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLockDataDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "coracle")
	release, err := lockDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory is %v, %v", info, err)
	}
	_, err = lockDataDir(dir)
	if want := "another coracle (process "; err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second daemon gets %v", err)
	}
	release()
	release, err = lockDataDir(dir)
	if err != nil {
		t.Fatalf("after the first has gone: %v", err)
	}
	release()

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lockDataDir(filepath.Join(file, "data")); err == nil || !strings.HasPrefix(err.Error(), "data directory: ") {
		t.Errorf("a directory that cannot be made: %v", err)
	}
}
