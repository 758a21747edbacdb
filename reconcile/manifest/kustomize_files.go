package manifest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// guardedFiles is the tree as kustomize's file system: read-only, with the tree's root as "/". Every file is checked before
// kustomize gets to see it, so nothing that the check refuses can be acted on.
type guardedFiles struct {
	tree     *tree
	rootFile string // the kustomization that rendering begins with
	contents map[string][]byte
	refused  *Error
	// keepOrigin says that the user wants the annotations that are otherwise only asked for here.
	keepOrigin bool
}

func newGuardedFiles(t *tree, dir string) *guardedFiles {
	g := &guardedFiles{tree: t, rootFile: dir, contents: map[string][]byte{}}
	for _, name := range kustomizationNames {
		if file := path.Join(dir, name); g.Exists("/" + file) {
			g.rootFile = file
			break
		}
	}
	return g
}

// name is a path of kustomize's as fs.FS wants it.
func (g *guardedFiles) name(file string) string {
	name := strings.TrimPrefix(path.Join("/", filepath.ToSlash(file)), "/")
	if name == "" {
		return "."
	}
	return name
}

// ReadFile reads and checks a file.
func (g *guardedFiles) ReadFile(file string) ([]byte, error) {
	name := g.name(file)
	if content, ok := g.contents[name]; ok {
		return content, nil
	}
	if !g.Exists(file) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if g.IsDir(file) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	content, err := g.tree.read(name)
	if err != nil {
		g.refused = asError(name, err)
		return nil, err
	}
	if err := checkKustomization(name, content, g.tree.limits, g.Exists); err != nil {
		g.refused = err
		return nil, err
	}
	if name == g.rootFile {
		if content, err = g.askForOrigins(content); err != nil {
			return nil, err
		}
	}
	g.contents[name] = content
	return content, nil
}

// askForOrigins adds buildMetadata: [originAnnotations] to the first kustomization; those it names inherit it.
func (g *guardedFiles) askForOrigins(content []byte) ([]byte, error) {
	var kustomization map[string]any
	if err := yaml.Unmarshal(bytes.TrimPrefix(content, byteOrderMark), &kustomization); err != nil {
		return content, nil // kustomize says it better
	}
	wanted, _ := kustomization["buildMetadata"].([]any)
	g.keepOrigin = slices.Contains(wanted, any("originAnnotations"))
	if g.keepOrigin || kustomization == nil {
		return content, nil
	}
	kustomization["buildMetadata"] = append(wanted, "originAnnotations")
	return yaml.Marshal(kustomization)
}

// IsDir follows links, inside the tree.
func (g *guardedFiles) IsDir(dir string) bool {
	info, err := fs.Stat(g.tree.files, g.name(dir))
	return err == nil && info.IsDir()
}

// Exists follows links, inside the tree.
func (g *guardedFiles) Exists(file string) bool {
	_, err := fs.Stat(g.tree.files, g.name(file))
	return err == nil
}

// CleanedAbs gives a directory, and the file in it unless the path is the directory itself.
func (g *guardedFiles) CleanedAbs(file string) (filesys.ConfirmedDir, string, error) {
	absolute := path.Join("/", g.name(file))
	if g.IsDir(file) {
		return filesys.ConfirmedDir(absolute), "", nil
	}
	if !g.Exists(file) {
		return "", "", &fs.PathError{Op: "open", Path: g.name(file), Err: fs.ErrNotExist}
	}
	return filesys.ConfirmedDir(path.Dir(absolute)), path.Base(absolute), nil
}

// ReadDir lists the names in a directory.
func (g *guardedFiles) ReadDir(dir string) ([]string, error) {
	entries, err := fs.ReadDir(g.tree.files, g.name(dir))
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, nil
}

// Glob lists the files that match.
func (g *guardedFiles) Glob(pattern string) ([]string, error) {
	names, err := fs.Glob(g.tree.files, g.name(pattern))
	for i := range names {
		names[i] = "/" + names[i]
	}
	return names, err
}

// Walk visits a directory and all below it.
func (g *guardedFiles) Walk(dir string, visit filepath.WalkFunc) error {
	return fs.WalkDir(g.tree.files, g.name(dir), func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return visit("/"+name, nil, err)
		}
		info, err := entry.Info()
		return visit("/"+name, info, err)
	})
}

// Open is what kustomize uses for its own files on disk only; the tree's are read with ReadFile, where they are checked.
func (g *guardedFiles) Open(file string) (filesys.File, error) { return nil, g.readOnly("open", file) }

// Create is refused, as all that writes.
func (g *guardedFiles) Create(file string) (filesys.File, error) {
	return nil, g.readOnly("create", file)
}

// Mkdir is refused.
func (g *guardedFiles) Mkdir(dir string) error { return g.readOnly("mkdir", dir) }

// MkdirAll is refused.
func (g *guardedFiles) MkdirAll(dir string) error { return g.readOnly("mkdir", dir) }

// RemoveAll is refused.
func (g *guardedFiles) RemoveAll(file string) error { return g.readOnly("remove", file) }

// WriteFile is refused.
func (g *guardedFiles) WriteFile(file string, _ []byte) error { return g.readOnly("write", file) }

func (g *guardedFiles) readOnly(op, file string) error {
	return &fs.PathError{Op: op, Path: g.name(file), Err: os.ErrPermission}
}
