package gitsource

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watching runs Watch until the test ends, and returns a function that waits for the next call of changed.
func watching(t *testing.T, source Source) (next func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	calls, ended := make(chan struct{}, 1000), make(chan error, 1)
	go func() { ended <- source.Watch(ctx, func() { calls <- struct{}{} }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch returned %v", err)
		}
	})
	next = func() {
		t.Helper()
		select {
		case <-calls:
		case <-time.After(5 * time.Second):
			t.Fatal("changed was not called")
		}
	}
	next() // it watches
	return next
}

// until fetches after each change that is told, until the file has the content.
func until(t *testing.T, source Source, next func(), name, content string) {
	t.Helper()
	for {
		next()
		if got, err := source.Fetch(t.Context()); err == nil && read(t, got.Files, name) == content {
			return
		}
	}
}

func TestWatchADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, "web.yaml", "v1")
	source := newDirectory(t, DirectoryOptions{Dir: dir})
	next := watching(t, source)

	t.Run("write", func(t *testing.T) {
		writeFiles(t, dir, "web.yaml", "v2")
		until(t, source, next, "web.yaml", "v2")
	})
	t.Run("rename over", func(t *testing.T) {
		writeFiles(t, dir, ".web.yaml.swp", "v3")
		rename(t, filepath.Join(dir, ".web.yaml.swp"), filepath.Join(dir, "web.yaml"))
		until(t, source, next, "web.yaml", "v3")
	})
	t.Run("new directories", func(t *testing.T) {
		writeFiles(t, dir, "a/b/c/new.yaml", "v1")
		until(t, source, next, "a/b/c/new.yaml", "v1")
		writeFiles(t, dir, "a/b/c/new.yaml", "v2")
		until(t, source, next, "a/b/c/new.yaml", "v2")
	})
	t.Run("directory exchanged", func(t *testing.T) {
		elsewhere := t.TempDir()
		rename(t, filepath.Join(dir, "a"), filepath.Join(elsewhere, "a"))
		writeFiles(t, dir, "a/b/c/new.yaml", "v3")
		until(t, source, next, "a/b/c/new.yaml", "v3")
		writeFiles(t, dir, "a/b/c/new.yaml", "v4")
		until(t, source, next, "a/b/c/new.yaml", "v4")
	})
}

// TestWatchAConfigMapMount changes files as the kubelet does: by exchanging the link that all go through.
func TestWatchAConfigMapMount(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mount := func(version string) {
		t.Helper()
		writeFiles(t, dir, "..data_"+version+"/web.yaml", version)
		symlink(t, "..data_"+version, filepath.Join(dir, "..data_tmp"))
		rename(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
	}
	mount("v1")
	symlink(t, "..data/web.yaml", filepath.Join(dir, "web.yaml"))
	source := newDirectory(t, DirectoryOptions{Dir: dir})
	next := watching(t, source)
	mount("v2")
	if err := os.RemoveAll(filepath.Join(dir, "..data_v1")); err != nil {
		t.Fatal(err)
	}
	until(t, source, next, "web.yaml", "v2")
}

// TestWatchADirectoryBehindALink deploys by pointing "current" at another release.
func TestWatchADirectoryBehindALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, "releases/1/deploy/web.yaml", "v1", "releases/2/deploy/web.yaml", "v2")
	current := filepath.Join(dir, "current")
	symlink(t, "releases/1", current)
	source := newDirectory(t, DirectoryOptions{Dir: filepath.Join(current, "deploy")})
	next := watching(t, source)
	symlink(t, "releases/2", current+".new")
	rename(t, current+".new", current)
	until(t, source, next, "web.yaml", "v2")
	writeFiles(t, dir, "releases/2/deploy/web.yaml", "v3")
	until(t, source, next, "web.yaml", "v3")
}

func TestWatchADirectoryThatComesAndGoes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not", "yet")
	source := newDirectory(t, DirectoryOptions{Dir: dir})
	next := watching(t, source)
	_, err := source.Fetch(t.Context())
	wantError(t, err, ErrNotFound, "does not exist")
	writeFiles(t, dir, "web.yaml", "v1")
	until(t, source, next, "web.yaml", "v1")

	rename(t, dir, dir+".away")
	for gone := false; !gone; {
		next()
		_, err := source.Fetch(t.Context())
		gone = errors.Is(err, ErrNotFound)
	}
	writeFiles(t, dir, "web.yaml", "v2")
	until(t, source, next, "web.yaml", "v2")
}

func TestWatchSeesCommits(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.commit("one", "deploy/web.yaml", "v1")
	r.write("deploy/web.yaml", "v2")
	source := newDirectory(t, DirectoryOptions{Dir: filepath.Join(r.work, "deploy")})
	next := watching(t, source)
	if !fetch(t, source).Dirty {
		t.Error("not Dirty")
	}
	commit := r.commit("two") // changes no file under deploy
	for next(); fetch(t, source).ID != commit; next() {
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
}

// TestWatchRun plays events to a watch, in the time of a bubble.
func TestWatchRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events, lost := make(chan fsnotify.Event), make(chan error)
		var told []time.Duration
		armed, start := 0, time.Now()
		w := &watch{events: events, errors: lost, directory: "/srv", outside: map[string]bool{"/link": true},
			options: DirectoryOptions{Quiet: 100 * time.Millisecond, Patience: 2 * time.Second, Resync: time.Minute},
			arm:     func() error { armed++; return nil }}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.run(ctx, func() { told = append(told, time.Since(start)) }) }()
		event := func(name string) { events <- fsnotify.Event{Name: name, Op: fsnotify.Write} }
		expect := func(what string, want ...time.Duration) {
			t.Helper()
			synctest.Wait()
			if len(told) != len(want) || armed != len(want)+1 && len(want) > 0 && armed != len(want) {
				t.Fatalf("%s: told at %v (armed %d times), want %v", what, told, armed, want)
			}
			for i := range want {
				if told[i] != want[i] {
					t.Fatalf("%s: told at %v, want %v", what, told, want)
				}
			}
			told, armed, start = nil, 0, time.Now()
		}
		expect("at first", 0)

		event("/srv/a")
		<-time.After(90 * time.Millisecond)
		event("/srv/b")
		<-time.After(200 * time.Millisecond)
		expect("two writes", 190*time.Millisecond)

		for range 50 {
			event("/srv/log")
			<-time.After(50 * time.Millisecond)
		}
		<-time.After(time.Second)
		expect("a file that is written all the time", 2*time.Second, 2600*time.Millisecond-50*time.Millisecond)

		for _, name := range []string{"/srv/.git/index", "/srv/.a.swp", "/srv/a~", "/srv2/a", "/other"} {
			event(name)
		}
		<-time.After(time.Second)
		expect("what does not matter")

		event("/link")
		<-time.After(time.Second)
		expect("a link on the way", 100*time.Millisecond)

		lost <- fsnotify.ErrEventOverflow
		<-time.After(time.Second)
		expect("lost events", 100*time.Millisecond)

		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("run returned %v", err)
		}
	})
}
