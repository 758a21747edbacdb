package gitsource

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// cover has the watcher watch every directory that counts now, and no other.
func (w *watch) cover(watcher *fsnotify.Watcher) error {
	directory, outside, err := trail(w.options.Dir)
	if err != nil {
		return err
	}
	w.directory, w.outside = directory, outside
	wanted := map[string]bool{}
	for file := range outside {
		wanted[filepath.Dir(file)] = true
	}
	if directory != "" {
		_, rules, _ := openRules(directory) // what is wrong with them Fetch says
		if err := w.coverBelow(watcher, ".", rules, wanted); err != nil {
			return err
		}
		if _, gitDir, ok := findGitDir(directory); ok {
			// A commit or a checkout ends by writing one of these.
			for _, file := range []string{"HEAD", "packed-refs", "logs/HEAD"} {
				w.outside[filepath.Join(gitDir, file)] = true
				wanted[filepath.Dir(filepath.Join(gitDir, file))] = true
			}
		}
	}
	for path := range wanted {
		if err := add(watcher, path); err != nil {
			return err
		}
	}
	for _, path := range watcher.WatchList() {
		if !wanted[path] {
			_ = watcher.Remove(path) // it may have gone by itself
		}
	}
	return nil
}

// coverBelow watches each directory before it lists it, so that nothing comes into being unseen. What Git ignores is
// passed by: it may be large.
func (w *watch) coverBelow(watcher *fsnotify.Watcher, name string, rules *ignoreRules, wanted map[string]bool) error {
	directory := filepath.Join(w.directory, name)
	wanted[directory] = true
	if err := add(watcher, directory); err != nil {
		return err
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil // gone meanwhile; or else Fetch says what is wrong
	}
	rules.enter(name, entries, func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(w.directory, name)) })
	for _, entry := range entries {
		if !entry.IsDir() || rules.skips(filepath.Join(name, entry.Name()), entry) {
			continue
		}
		if err := w.coverBelow(watcher, filepath.Join(name, entry.Name()), rules, wanted); err != nil {
			return err
		}
	}
	return nil
}

func add(watcher *fsnotify.Watcher, path string) error {
	err := watcher.Add(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return explainWatch(path, err)
}

func explainWatch(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC):
		return fail(ErrTooLarge, err, "the directory %s cannot be watched: this machine's limit of watched directories is reached; raise it with: sysctl fs.inotify.max_user_watches", path)
	case errors.Is(err, syscall.EMFILE):
		return fail(ErrTooLarge, err, "the directory %s cannot be watched: this machine's limit of watchers is reached; raise it with: sysctl fs.inotify.max_user_instances", path)
	default:
		return fail(ErrUnreachable, err, "the directory %s cannot be watched: %s", path, scrub(err.Error()))
	}
}

// trail follows an absolute path to what it stands for, and lists what on the way would change that: the links, the path
// itself, or the first part that does not exist. directory is "" if there is none at the end.
func trail(name string) (directory string, outside map[string]bool, err error) {
	outside = map[string]bool{}
	here := string(filepath.Separator)
	pending := parts(name)
	for links := 0; len(pending) > 0; {
		next := filepath.Join(here, pending[0])
		pending = pending[1:]
		info, err := os.Lstat(next)
		switch {
		case err != nil, !info.IsDir() && info.Mode().Type() != fs.ModeSymlink:
			outside[next] = true
			return "", outside, nil
		case info.IsDir():
			here = next
			continue
		}
		if links++; links > maxLinks {
			return "", nil, fail(ErrUnsafe, nil, "the directory %s cannot be reached: too many symbolic links", name)
		}
		outside[next] = true
		target, err := os.Readlink(next)
		if err != nil {
			return "", outside, nil
		}
		if filepath.IsAbs(target) {
			here = string(filepath.Separator)
		}
		pending = slices.Concat(parts(target), pending)
	}
	outside[here] = true
	return here, outside, nil
}

// parts splits a path; ".." stays, and means the real parent.
func parts(name string) []string {
	return slices.DeleteFunc(strings.Split(name, string(filepath.Separator)), func(part string) bool { return part == "" || part == "." })
}
