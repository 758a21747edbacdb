package gitsource

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// newDirectory follows dir with waits that suit a test.
func newDirectory(t testing.TB, options DirectoryOptions) *directorySource {
	t.Helper()
	if options.Quiet == 0 {
		options.Quiet = 10 * time.Millisecond
	}
	source, err := NewDirectory(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return source.(*directorySource)
}

func TestDirectoryOutsideAWorkTree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, "deploy/web.yaml", "v1", "deploy/.web.yaml.swp", "x", "deploy/web.yaml~", "x", "4913", "x", ".#web", "x", ".git/x", "x")
	source := newDirectory(t, DirectoryOptions{Dir: dir, Path: "deploy"})
	first := fetch(t, source)
	if !strings.HasPrefix(first.ID, "sha256:") || len(first.ID) != len("sha256:")+64 || first.Dirty || first.Subject != "" {
		t.Errorf("revision %+v", first.Revision)
	}
	if first.Short() != first.ID[:14] {
		t.Errorf("Short is %q", first.Short())
	}
	var names []string
	err := fs.WalkDir(first.Root, ".", func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if got := strings.Join(names, " "); err != nil || got != ". deploy deploy/web.yaml" {
		t.Errorf("the tree holds %s, %v", got, err)
	}

	if same := fetch(t, source); same.ID != first.ID || same.Previous != first.ID {
		t.Errorf("nothing changed, but %s came after %s", same.ID, same.Previous)
	}
	writeFiles(t, dir, "deploy/web.yaml", "v2")
	second := fetch(t, source)
	if second.ID == first.ID || second.Previous != first.ID || second.Rewritten {
		t.Errorf("%s came after %s", second.ID, second.Previous)
	}
	if read(t, first.Files, "web.yaml") != "v1" || read(t, second.Files, "web.yaml") != "v2" {
		t.Error("a snapshot has changed")
	}
	writeFiles(t, dir, "deploy/web.yaml", "v1")
	if third := fetch(t, source); third.ID != first.ID {
		t.Errorf("the same content is %s, then %s", first.ID, third.ID)
	}
	if err := os.Chmod(filepath.Join(dir, "deploy/web.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	if fourth := fetch(t, source); fourth.ID == first.ID {
		t.Error("an executable file is another content")
	}
	if log, err := source.Log(t.Context(), second.ID, 10); log != nil || err != nil {
		t.Errorf("Log: %v, %v", log, err)
	}
	_, err = source.At(t.Context(), first.ID)
	wantError(t, err, ErrNotFound, first.Short(), "never committed")
}

func TestDirectoryInAWorkTree(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.commit("first", "deploy/web.yaml", "v1", "deploy/.gitignore", "*.log\n", ".gitignore", "/deploy/local/\n!keep.log\n", "README", "x")
	head := r.commit("second", "deploy/web.yaml", "v2", "deploy/kept.yaml~", "tracked all the same")
	source := newDirectory(t, DirectoryOptions{Dir: filepath.Join(r.work, "deploy")})

	clean := fetch(t, source)
	if clean.ID != head || clean.Dirty || clean.Subject != "second" || clean.Author != "Ada" || clean.Ref != "main" || clean.Short() != head[:7] {
		t.Errorf("revision %+v", clean.Revision)
	}
	r.write("README", "changed", "deploy/debug.log", "x", "deploy/local/secret.yaml", "x", "deploy/.web.yaml.swp", "x")
	if same := fetch(t, source); same.ID != head || same.Dirty {
		t.Errorf("what is elsewhere or ignored made it %s", same.ID)
	} else if _, err := same.Files.Open("debug.log"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an ignored file is in the tree: %v", err)
	}
	if read(t, clean.Files, "kept.yaml~") != "tracked all the same" {
		t.Error("a tracked file is missing")
	}

	states := map[string]bool{head: true}
	for _, change := range []func(){
		func() { r.write("deploy/web.yaml", "v3") },
		func() { r.write("deploy/web.yaml", "v4") },
		func() { r.write("deploy/web.yaml", "v2", "deploy/new.yaml", "untracked") },
		func() { r.git("add", "-A") },
		func() {
			r.git("rm", "-q", "--cached", "deploy/new.yaml")
			os.Remove(filepath.Join(r.work, "deploy/web.yaml"))
		},
	} {
		change()
		got := fetch(t, source)
		if !got.Dirty || !strings.HasPrefix(got.ID, head+"-dirty-") || got.Short() != head[:7]+"-dirty" || got.Subject != "second" {
			t.Errorf("revision %+v", got.Revision)
		}
		states[got.ID] = true
	}
	if len(states) != 5 { // adding to the index changes no file
		t.Errorf("%d different states: %v", len(states), states)
	}
	r.git("reset", "-q", "--hard")
	os.Remove(filepath.Join(r.work, "deploy/new.yaml"))
	if back := fetch(t, source); back.ID != head {
		t.Errorf("after a reset it is %s", back.ID)
	}
	third := r.commit("third", "deploy/web.yaml", "v5")
	if got := fetch(t, source); got.ID != third || got.Previous != head || got.Rewritten {
		t.Errorf("after a commit it is %s after %s, rewritten %v", got.ID, got.Previous, got.Rewritten)
	}
	r.git("reset", "-q", "--hard", "HEAD~2")
	if got := fetch(t, source); !got.Rewritten {
		t.Error("going back is not Rewritten")
	}
	r.git("checkout", "-q", "--detach")
	if got := fetch(t, source); got.Ref != "" {
		t.Errorf("detached, but Ref is %q", got.Ref)
	}
}

func TestDirectoryInALinkedWorkTree(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	commit := r.commit("one", "web.yaml", "v1")
	linked := filepath.Join(t.TempDir(), "linked")
	r.git("worktree", "add", "-q", "-b", "side", linked)
	if got := fetch(t, newDirectory(t, DirectoryOptions{Dir: linked})); got.ID != commit || got.Ref != "side" {
		t.Errorf("revision %+v", got.Revision)
	}
}

func TestDirectoryThatGitIgnoresIsOutside(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.commit("one", ".gitignore", "/run/\n")
	r.write("run/demo/web.yaml", "v1")
	got := fetch(t, newDirectory(t, DirectoryOptions{Dir: filepath.Join(r.work, "run/demo")}))
	if !strings.HasPrefix(got.ID, "sha256:") || read(t, got.Files, "web.yaml") != "v1" {
		t.Errorf("revision %+v", got.Revision)
	}
	// So is a work tree without any commit.
	empty := newRepository(t)
	empty.write("web.yaml", "v1")
	if got := fetch(t, newDirectory(t, DirectoryOptions{Dir: empty.work})); !strings.HasPrefix(got.ID, "sha256:") {
		t.Errorf("revision %+v", got.Revision)
	}
}

func TestDirectoryWithASubmodule(t *testing.T) {
	t.Parallel()
	inner, r := newRepository(t), newRepository(t)
	inner.push("inner", "lib.yaml", "x")
	r.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.bare, "lib")
	commit := r.commit("one", "web.yaml", "v1")
	source := newDirectory(t, DirectoryOptions{Dir: r.work})
	got := fetch(t, source)
	if got.ID != commit {
		t.Errorf("revision %+v", got.Revision)
	}
	_, err := fs.ReadFile(got.Files, "lib/lib.yaml")
	wantError(t, err, ErrUnsupported, "submodule")
	command(t, "", "git", "init", "-q", filepath.Join(r.work, "nested"))
	if got := fetch(t, source); !got.Dirty {
		t.Error("a nested repository that is not committed is not Dirty")
	}
}

func TestDirectoryLogAndAt(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	first := r.commit("one", "deploy/web.yaml", "v1")
	r.commit("elsewhere", "README", "x")
	third := r.commit("two", "deploy/web.yaml", "v2")
	source := newDirectory(t, DirectoryOptions{Dir: filepath.Join(r.work, "deploy")})
	r.write("deploy/web.yaml", "v3")
	dirty := fetch(t, source)
	log, err := source.Log(t.Context(), dirty.ID, 10)
	if got := ids(log); err != nil || got != third+" "+first {
		t.Errorf("Log: %s, %v", got, err)
	}
	at, err := source.At(t.Context(), first)
	if err != nil || read(t, at.Files, "web.yaml") != "v1" || at.ID != first {
		t.Errorf("At: %v", err)
	}
	_, err = source.At(t.Context(), dirty.ID)
	wantError(t, err, ErrNotFound, "-dirty", "never committed")
	_, err = source.At(t.Context(), strings.Repeat("ab", 20))
	wantError(t, err, ErrNotFound, strings.Repeat("ab", 20))
}

func ids(log []Revision) string {
	var list []string
	for _, revision := range log {
		list = append(list, revision.ID)
	}
	return strings.Join(list, " ")
}

// TestDirectoryNeverHalfWritten writes while a Fetch is under way, in the time of a bubble: there every file was changed just now.
func TestDirectoryNeverHalfWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		writeFiles(t, dir, "a", "old", "b", "old")
		source := newDirectory(t, DirectoryOptions{Dir: dir, Quiet: 100 * time.Millisecond, Patience: 2 * time.Second})
		start := time.Now()
		go func() { // a change of two files that takes 90 ms
			<-time.After(50 * time.Millisecond)
			writeFiles(t, dir, "a", "newer")
			<-time.After(90 * time.Millisecond)
			writeFiles(t, dir, "b", "newer")
		}()
		got := fetch(t, source)
		if a, b := read(t, got.Files, "a"), read(t, got.Files, "b"); a != "newer" || b != "newer" {
			t.Errorf("half a change: a is %q, b is %q", a, b)
		}
		// The looks at 100 and 200 ms saw a change since the one before; that at 300 ms did not.
		if took := time.Since(start); took != 300*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

func TestDirectoryThatNeverRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		source := newDirectory(t, DirectoryOptions{Dir: dir, Quiet: 100 * time.Millisecond, Patience: 2 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			<-time.After(50 * time.Millisecond)
			for i := 0; ctx.Err() == nil; i++ {
				writeFiles(t, dir, "app.log", strings.Repeat("x", i))
				<-time.After(50 * time.Millisecond)
			}
		}()
		start := time.Now()
		_, err := source.Fetch(t.Context())
		wantError(t, err, ErrUnstable, dir, "app.log", "100ms")
		if took := time.Since(start); took > 2200*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		cancel()
		<-stopped
		fetch(t, source)
	})
}

// TestDirectoryRestsAfterARemoval has a file replaced by removing it first: for a while it is not there.
func TestDirectoryRestsAfterARemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		writeFiles(t, dir, "deploy/a", "old")
		if err := os.Remove(filepath.Join(dir, "deploy/a")); err != nil {
			t.Fatal(err)
		}
		go func() {
			<-time.After(50 * time.Millisecond)
			writeFiles(t, dir, "deploy/a", "newer")
		}()
		if got := fetch(t, newDirectory(t, DirectoryOptions{Dir: dir, Quiet: 100 * time.Millisecond})); read(t, got.Root, "deploy/a") != "newer" {
			t.Error("the file is missing")
		}
	})
}

// TestReadNoticesAnotherFile has a file change between the look and the read.
func TestReadNoticesAnotherFile(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(path string) error{
		"written": func(path string) error { return os.WriteFile(path, []byte("longer"), 0o644) },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".new", []byte("two"), 0o644), os.Rename(path+".new", path))
		},
		"removed": os.Remove,
		"a link": func(path string) error {
			return errors.Join(os.Remove(path), os.Symlink("/etc/passwd", path))
		},
		"a pipe": func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o644)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, "web.yaml", "one")
			source := newDirectory(t, DirectoryOptions{Dir: dir})
			root, seen, err := source.look(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			if err := change(filepath.Join(dir, "web.yaml")); err != nil {
				t.Fatal(err)
			}
			if files, err := source.read(t.Context(), root, seen, nil); err == nil {
				t.Errorf("read %q", files["web.yaml"].content)
			}
		})
	}
}

func TestDirectoryErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, "file", "x", "many/a", "x", "many/b", "x", "big/a", "123456", "big/b", "123456")
	for name, test := range map[string]struct {
		options DirectoryOptions
		kind    error
		words   []string
	}{
		"missing":      {DirectoryOptions{Dir: filepath.Join(dir, "nope")}, ErrNotFound, []string{"nope does not exist"}},
		"a file":       {DirectoryOptions{Dir: filepath.Join(dir, "file")}, ErrNotFound, []string{"file, not a directory"}},
		"missing path": {DirectoryOptions{Dir: dir, Path: "deep/nope"}, ErrNotFound, []string{dir, `"deep/nope"`}},
		"many files":   {DirectoryOptions{Dir: filepath.Join(dir, "many"), Limits: Limits{Files: 1}}, ErrTooLarge, []string{"more than 1 files"}},
		"much content": {DirectoryOptions{Dir: filepath.Join(dir, "big"), Limits: Limits{TotalBytes: 10}}, ErrTooLarge, []string{"more than 10 B"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newDirectory(t, test.options).Fetch(t.Context())
			wantError(t, err, test.kind, test.words...)
		})
	}
	if _, err := NewDirectory(DirectoryOptions{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no directory: %v", err)
	}
	if _, err := NewDirectory(DirectoryOptions{Dir: dir, Path: "../up"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("path upwards: %v", err)
	}
}

func TestDirectoryOddFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, "large", strings.Repeat("x", 2000), "..data_1/web.yaml", "v1", "odd \n name", "odd", "odd \xff name", "odd")
	for link, target := range map[string]string{"..data": "..data_1", "web.yaml": "..data/web.yaml", "passwd": "/etc/passwd", "up": "../x"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := fetch(t, newDirectory(t, DirectoryOptions{Dir: dir, Limits: Limits{FileBytes: 1000}}))
	if read(t, got.Files, "web.yaml") != "v1" || read(t, got.Files, "odd \n name") != "odd" {
		t.Error("wrong content")
	}
	entries, err := fs.ReadDir(got.Files, ".")
	if err != nil || len(entries) != 6 {
		t.Errorf("listing: %v, %v", entries, err)
	}
	_, err = fs.ReadFile(got.Files, "large")
	wantError(t, err, ErrTooLarge, "large", "2.0 KiB", "1000 B")
	_, err = fs.ReadFile(got.Files, "passwd")
	wantError(t, err, ErrUnsafe, "passwd", `"/etc/passwd"`)
	_, err = fs.ReadFile(got.Files, "up")
	wantError(t, err, ErrUnsafe, "up", `"../x"`)
	_, err = got.Files.Open("odd \xff name")
	wantError(t, err, ErrUnsupported, "UTF-8")
	_, err = got.Files.Open("no \n name")
	wantError(t, err, fs.ErrNotExist, "no name")
	_, err = got.Files.Open("pipe")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("pipe: %v", err)
	}
}
