package images

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pack is a tar of what the recipe takes of the tree.
func pack(tree string, r recipe) ([]byte, error) {
	files := map[string]source{}
	for name, text := range r.Files {
		files[name] = source{content: []byte(text), mode: 0o644}
	}
	for _, name := range slices.Concat(r.Programs, r.Copies) {
		if err := take(files, name, find(tree, name)); err != nil {
			return nil, err
		}
	}
	libraries, err := index(tree)
	if err != nil {
		return nil, err
	}
	for _, program := range r.Programs {
		if err := addLibraries(files, libraries, find(tree, program)); err != nil {
			return nil, fmt.Errorf("%s: %w", program, err)
		}
	}
	return write(files, r)
}

// find is where the tree has a file: newer packages have in /usr what was in /bin.
func find(tree, name string) string {
	if where := filepath.Join(tree, "usr", name); exists(where) {
		return where
	}
	return filepath.Join(tree, name)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

type source struct {
	content []byte
	mode    fs.FileMode
}

func take(files map[string]source, name, from string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	files[name] = source{content, info.Mode().Perm()}
	return nil
}

// index is where the shared libraries and dynamic loaders of the tree are, by their names.
func index(tree string) (map[string]string, error) {
	found := map[string]string{}
	err := filepath.WalkDir(tree, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.Contains(entry.Name(), ".so") {
			// An absolute link leaves the tree: it would give the machine's own file, or none.
			if target, _ := os.Readlink(name); !filepath.IsAbs(target) && exists(name) {
				found[entry.Name()] = name
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for libraries: %w", err)
	}
	return found, nil
}

// addLibraries adds what the program is linked to, and what that is linked to: each where the loader looks for it, which
// is the directory that multiarch has for the machine, and the loader itself where the program says.
func addLibraries(files map[string]source, libraries map[string]string, from string) error {
	program, err := elf.Open(from)
	if err != nil {
		return err
	}
	defer program.Close()
	names, err := program.ImportedLibraries()
	if err != nil {
		return err
	}
	if loader, err := interpreter(program); err != nil {
		return err
	} else if loader != "" {
		if err := take(files, strings.TrimPrefix(loader, "/"), libraries[path.Base(loader)]); err != nil {
			return err
		}
	}
	for _, name := range names {
		where, ok := libraries[name]
		if !ok {
			return fmt.Errorf("no package has %s", name)
		}
		to := path.Join("lib", filepath.Base(filepath.Dir(where)), name)
		if _, ok := files[to]; ok {
			continue
		}
		if err := take(files, to, where); err != nil {
			return err
		}
		if err := addLibraries(files, libraries, where); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// interpreter is the path of the dynamic loader, "" for a static program or a library.
func interpreter(program *elf.File) (string, error) {
	for _, segment := range program.Progs {
		if segment.Type != elf.PT_INTERP {
			continue
		}
		name := make([]byte, segment.Filesz)
		if _, err := segment.ReadAt(name, 0); err != nil {
			return "", fmt.Errorf("read the name of the loader: %w", err)
		}
		return string(bytes.TrimRight(name, "\x00")), nil
	}
	return "", nil
}

func write(files map[string]source, r recipe) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(header tar.Header, content []byte) error {
		header.ModTime, header.Size = time.Unix(0, 0), int64(len(content))
		if err := w.WriteHeader(&header); err != nil {
			return fmt.Errorf("pack %s: %w", header.Name, err)
		}
		if _, err := w.Write(content); err != nil {
			return fmt.Errorf("pack %s: %w", header.Name, err)
		}
		return nil
	}
	for _, name := range r.Folders {
		mode := int64(0o755)
		if name == "tmp" {
			mode = 0o1777
		}
		if err := add(tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: mode}, nil); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := add(tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: int64(files[name].mode)}, files[name].content); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Links)) {
		if err := add(tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: r.Links[name], Mode: 0o777}, nil); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return out.Bytes(), nil
}
