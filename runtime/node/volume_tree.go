package node

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// dataLink is the link that readers go through. Repointing it changes all files of a volume in one moment, as upstream
// does it, so that programs which watch for that name go on working:
//
//	..2026_01_31_12_00_00.123/ca.crt     the files
//	..data  -> ..2026_01_31_12_00_00.123
//	ca.crt  -> ..data/ca.crt
const dataLink = "..data"

// writeTree makes dir hold exactly these files, by slash-separated path. Where it does already, nothing is written.
func writeTree(dir string, files map[string]file, group *int64, now time.Time) error {
	current, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("write volume: %w", err)
	}
	if current != "" && sameTree(filepath.Join(dir, current), files, group) {
		return linkNames(dir, files)
	}
	fresh, err := os.MkdirTemp(dir, now.UTC().Format("..2006_01_02_15_04_05."))
	if err != nil {
		return fmt.Errorf("write volume: %w", err)
	}
	if err := fill(fresh, files, group); err != nil {
		return errors.Join(fmt.Errorf("write volume: %w", err), os.RemoveAll(fresh))
	}
	next := filepath.Join(dir, dataLink+"_tmp")
	_ = os.Remove(next) // left by a run that was cut short
	if err := os.Symlink(filepath.Base(fresh), next); err != nil {
		return fmt.Errorf("write volume: %w", err)
	}
	if err := os.Rename(next, filepath.Join(dir, dataLink)); err != nil {
		return fmt.Errorf("write volume: %w", err)
	}
	if err := linkNames(dir, files); err != nil {
		return err
	}
	return removeStale(dir, filepath.Base(fresh))
}

func fill(dir string, files map[string]file, group *int64) error {
	if err := own(dir, 0o755, nil, group); err != nil {
		return err
	}
	for _, path := range sortedKeys(files) {
		if !filepath.IsLocal(path) {
			return fmt.Errorf("path %q must stay inside the volume", path)
		}
		target := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, files[path].data, 0o600); err != nil {
			return err
		}
		if err := own(target, treeMode(files[path].mode, group), files[path].user, group); err != nil {
			return err
		}
	}
	return nil
}

// treeMode is a file's mode: the Pod's group may read it.
func treeMode(mode os.FileMode, group *int64) os.FileMode {
	if group != nil {
		mode |= 0o440
	}
	return mode
}

// own sets mode and owners; nil leaves an owner as it is.
func own(path string, mode os.FileMode, user, group *int64) error {
	if user != nil || group != nil {
		if err := os.Chown(path, idOr(user, -1), idOr(group, -1)); err != nil {
			return err
		}
	}
	return os.Chmod(path, mode)
}

func idOr(id *int64, other int) int {
	if id == nil {
		return other
	}
	return int(*id)
}

func sameTree(dir string, files map[string]file, group *int64) bool {
	count := 0
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		count++
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		want, ok := files[filepath.ToSlash(relative)]
		info, infoErr := entry.Info()
		data, readErr := os.ReadFile(path)
		if !ok || infoErr != nil || readErr != nil || info.Mode().Perm() != treeMode(want.mode, group).Perm() || !bytes.Equal(data, want.data) {
			return errors.New("differs")
		}
		return nil
	})
	return err == nil && count == len(files)
}

// linkNames makes the links of the first path elements, and removes those of files that are gone.
func linkNames(dir string, files map[string]file) error {
	wanted := map[string]bool{}
	for path := range files {
		name, _, _ := strings.Cut(filepath.ToSlash(path), "/")
		wanted[name] = true
	}
	for _, name := range sortedKeys(wanted) {
		err := os.Symlink(filepath.Join(dataLink, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("write volume: %w", err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("write volume: %w", err)
	}
	for _, entry := range entries {
		if !wanted[entry.Name()] && !strings.HasPrefix(entry.Name(), "..") {
			if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
				return fmt.Errorf("write volume: %w", err)
			}
		}
	}
	return nil
}

// removeStale removes the directories of earlier contents.
func removeStale(dir, current string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("write volume: %w", err)
	}
	for _, entry := range entries {
		if name := entry.Name(); entry.IsDir() && strings.HasPrefix(name, "..") && name != current {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("write volume: %w", err)
			}
		}
	}
	return nil
}
