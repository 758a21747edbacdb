package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// tree reads files within limits.
type tree struct {
	files   fs.FS
	limits  Limits
	entries int
	bytes   int64
}

// found are the files to load and the directories to render, in order.
type found struct {
	manifests      []string
	kustomizations []string
}

var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

func isManifest(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// find walks the tree below dir. What single entries have wrong is returned beside what was found; the last error means
// that the walk could not be done.
func (t *tree) find(dir string) (found, []*Error, error) {
	var f found
	var errs []*Error
	if err := t.walk(path.Clean(dir), 0, &f, &errs); err != nil {
		return found{}, nil, err
	}
	named := map[string]bool{}
	for _, kustomization := range f.kustomizations {
		t.collectNamed(kustomization, named)
	}
	f.manifests = slices.DeleteFunc(f.manifests, func(file string) bool { return named[file] })
	f.kustomizations = slices.DeleteFunc(f.kustomizations, func(dir string) bool { return named[dir] || t.isComponent(dir) })
	return f, errs, nil
}

// maxDirectories is how deep directories may nest: links inside the tree can make a circle.
const maxDirectories = 50

func (t *tree) walk(dir string, depth int, f *found, errs *[]*Error) error {
	if depth > maxDirectories {
		return errorAt(Position{File: dir}, "directories are nested deeper than %d; is there a circle of symbolic links?", maxDirectories)
	}
	entries, err := fs.ReadDir(t.files, dir)
	if err != nil {
		if depth > 0 {
			*errs = append(*errs, errorAt(Position{File: dir}, "%s", reason(err)))
			return nil
		}
		return fmt.Errorf("read directory %s: %w", dir, err)
	}
	t.entries += len(entries)
	if t.entries > t.limits.Files {
		return fmt.Errorf("%w: the tree has more than %d files; point the path at the manifests", errTooMuch, t.limits.Files)
	}
	for _, entry := range entries {
		if slices.Contains(kustomizationNames, entry.Name()) {
			f.kustomizations = append(f.kustomizations, dir)
			return nil
		}
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		name := path.Join(dir, entry.Name())
		isDir := entry.IsDir()
		if entry.Type()&fs.ModeSymlink != 0 {
			info, err := fs.Stat(t.files, name)
			if err != nil {
				*errs = append(*errs, errorAt(Position{File: name}, "%s", reason(err)))
				continue
			}
			isDir = info.IsDir()
		}
		switch {
		case isDir:
			if err := t.walk(name, depth+1, f, errs); err != nil {
				return err
			}
		case isManifest(name):
			f.manifests = append(f.manifests, name)
		}
	}
	return nil
}

// read returns a file's content. An error that is errTooMuch is about the tree, any other about the file.
func (t *tree) read(name string) ([]byte, error) {
	file, err := t.files.Open(name)
	if err != nil {
		return nil, errorAt(Position{File: name}, "%s", reason(err))
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > t.limits.FileBytes {
		return nil, t.tooBig(name)
	}
	content, err := io.ReadAll(io.LimitReader(file, t.limits.FileBytes+1))
	if err != nil {
		return nil, errorAt(Position{File: name}, "%s", reason(err))
	}
	if int64(len(content)) > t.limits.FileBytes {
		return nil, t.tooBig(name)
	}
	t.bytes += int64(len(content))
	if t.bytes > t.limits.TotalBytes {
		return nil, fmt.Errorf("%w: the manifests are more than %s in all; split them over several applications", errTooMuch, sizeText(t.limits.TotalBytes))
	}
	return content, nil
}

func (t *tree) tooBig(name string) error {
	return errorAt(Position{File: name}, "file is larger than %s; a manifest may not be", sizeText(t.limits.FileBytes))
}

func sizeText(bytes int64) string {
	if bytes >= 1<<20 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d bytes", bytes)
}

// reason drops the operation and path of a PathError: the file is named already.
func reason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}
