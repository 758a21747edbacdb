package gitsource

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

func TestTreeIsAFileSystem(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("one", "deploy/web.yaml", "v1", "deploy/sub/db.yaml", "db", "base/common.yaml", "base", "deploy/run.sh", "#!/bin/sh",
		"deploy/sub-dir/x", "x", "deploy/sub.dir/x", "x", "deploy/ünïcode – name.yaml", "odd")
	r.symlink("../../base", "deploy/sub/base")
	r.symlink("sub", "deploy/alias")
	if err := os.Chmod(filepath.Join(r.work, "deploy/run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.push("links")
	options := r.options()
	options.Path = "deploy"
	got := fetch(t, newGit(t, options))
	if err := fstest.TestFS(got.Files, "web.yaml", "sub/db.yaml", "sub/base", "ünïcode – name.yaml", "run.sh", "alias"); err != nil {
		t.Error(err)
	}
	if err := fstest.TestFS(got.Root, "deploy/web.yaml", "base/common.yaml"); err != nil {
		t.Error(err)
	}
	if read(t, got.Files, "alias/base/common.yaml") != "base" {
		t.Error("links to directories are not followed")
	}
	if info, err := fs.Stat(got.Files, "run.sh"); err != nil || info.Mode() != 0o555 || info.Size() != 9 {
		t.Errorf("run.sh: %v, %v", info, err)
	}
	if info, err := fs.Stat(got.Files, "alias"); err != nil || !info.IsDir() {
		t.Errorf("alias: %v, %v", info, err)
	}
	if target, err := fs.ReadLink(got.Files, "alias"); err != nil || target != "sub" {
		t.Errorf("alias leads to %q, %v", target, err)
	}
	for _, name := range []string{"nope", "web.yaml/nope", "nope/nope", "sub/nope"} {
		if _, err := got.Files.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (r *repository) symlink(target, link string) {
	r.t.Helper()
	if err := os.Symlink(target, filepath.Join(r.work, link)); err != nil {
		r.t.Fatal(err)
	}
}

func TestTreeRefusesWhatLeavesIt(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("one", "deploy/web.yaml", "v1")
	for link, target := range map[string]string{
		"absolute": "/etc/passwd", "upwards": "../../../etc/passwd", "directory": "../..", "loop": "loop", "self": "self/x",
		"dangling": "nope", "chain": "upwards", "git": "../.git/config",
	} {
		r.symlink(target, "deploy/"+link)
	}
	r.push("links")
	options := r.options()
	options.Path = "deploy"
	files := fetch(t, newGit(t, options)).Files
	for name, words := range map[string][]string{
		"absolute":               {"deploy/absolute", `"/etc/passwd"`, "outside"},
		"upwards":                {"deploy/upwards", `"../../../etc/passwd"`, "outside"},
		"chain":                  {"deploy/upwards", "outside"},
		"directory/etc/passwd":   {"deploy/directory", `"../.."`, "outside"},
		"loop":                   {"lead to itself"},
		"self":                   {"lead to itself"},
		"directory/deploy/../..": {},
	} {
		_, err := files.Open(name)
		if len(words) == 0 {
			wantError(t, err, fs.ErrInvalid)
			continue
		}
		wantError(t, err, ErrUnsafe, words...)
	}
	for _, name := range []string{"dangling", "git"} {
		if _, err := files.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The path of a source may be such a link too.
	options.Path = "deploy/absolute"
	_, err := newGit(t, options).Fetch(t.Context())
	wantError(t, err, ErrUnsafe, "deploy/absolute", "/etc/passwd")
}

func TestTreeRefusesForbiddenNames(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("one", "web.yaml", "v1")
	blob := r.git("rev-parse", "HEAD:web.yaml")
	for _, name := range []string{"..", "."} {
		tree := r.pipe("100644 blob "+blob+"\t"+name+"\n", "mktree")
		commit := r.git("commit-tree", "-m", "hostile", tree)
		r.git("push", "-q", "-f", "origin", commit+":refs/heads/main")
		_, err := fs.ReadDir(fetch(t, newGit(t, r.options())).Files, ".")
		wantError(t, err, ErrUnsafe, `forbidden name "`+name+`"`)
	}
}

// pipe runs git with some input.
func (r *repository) pipe(input string, args ...string) string {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "input")
	writeFiles(r.t, "/", file, input)
	return command(r.t, r.work, "sh", append([]string{"-c", `exec git "$@" <"$0"`, file}, args...)...)
}

func TestTreeLimits(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("one", "small.yaml", "x", "large.bin", strings.Repeat("x", 3000), "deep/a", "1", "deep/b", "2",
		"lfs.yaml", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
	options := r.options()
	options.Limits = Limits{FileBytes: 2000, Files: 5}
	files := fetch(t, newGit(t, options)).Files
	read(t, files, "small.yaml")
	_, err := files.Open("large.bin")
	wantError(t, err, ErrTooLarge, "large.bin", "2.0 KiB")
	_, err = files.Open("lfs.yaml")
	wantError(t, err, ErrUnsupported, "lfs.yaml", "LFS")
	_, err = fs.ReadDir(files, "deep") // the listing of the root, of four, was used up to here
	wantError(t, err, ErrTooLarge, "more than 5 files")

	// A larger limit needs another clone: the file was not fetched.
	options.Limits = Limits{FileBytes: 3000}
	files = fetch(t, newGit(t, options)).Files
	if len(read(t, files, "large.bin")) != 3000 {
		t.Error("large.bin is not whole")
	}
}

func TestTreeWithASubmodule(t *testing.T) {
	t.Parallel()
	inner, r := newRepository(t), newRepository(t)
	inner.push("inner", "lib.yaml", "x")
	r.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.bare, "lib")
	r.push("one", "web.yaml", "v1")
	files := fetch(t, newGit(t, r.options())).Files
	walked := 0
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		walked++
		if path == "lib" && d.Type() != fs.ModeIrregular {
			t.Errorf("the submodule is %v", d)
		}
		return err
	})
	if err != nil || walked != 4 {
		t.Errorf("walked %d entries, %v", walked, err)
	}
	for _, name := range []string{"lib", "lib/lib.yaml"} {
		_, err := files.Open(name)
		wantError(t, err, ErrUnsupported, "submodule", name)
	}
}

func TestTreeIsReadConcurrently(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("one", "a/1", "1", "a/2", "2", "b/3", "3")
	source := newGit(t, r.options())
	old := fetch(t, source)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 20 {
				for name, want := range map[string]string{"a/1": "1", "a/2": "2", "b/3": "3"} {
					if content, err := fs.ReadFile(old.Files, name); err != nil || string(content) != want {
						t.Errorf("%s: %q, %v", name, content, err)
					}
				}
			}
		})
	}
	for i := range 5 {
		r.push("more", "a/2", strings.Repeat("x", i))
		if _, err := source.Fetch(context.Background()); err != nil {
			t.Error(err)
		}
	}
	wait.Wait()
}
