package gitsource

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFetchFollowsABranch(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	first := r.push("add web", "deploy/web.yaml", "v1", "README.md", "hello")
	options := r.options()
	options.Path = "deploy"
	source := newGit(t, options)

	got := fetch(t, source)
	want := Revision{ID: first, Subject: "add web", Author: "Ada", Email: "ada@example.org",
		Time: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), Ref: "main"}
	if diff := cmp.Diff(want, got.Revision); diff != "" {
		t.Errorf("Revision (-want +got):\n%s", diff)
	}
	if got.Previous != "" || got.Rewritten {
		t.Errorf("first Fetch: Previous %q, Rewritten %v", got.Previous, got.Rewritten)
	}
	if text := read(t, got.Files, "web.yaml"); text != "v1" {
		t.Errorf("web.yaml is %q", text)
	}
	if text := read(t, got.Root, "README.md"); text != "hello" {
		t.Errorf("README.md is %q", text)
	}

	second := r.push("new version", "deploy/web.yaml", "v2")
	next := fetch(t, source)
	if next.ID != second || next.Previous != first || next.Rewritten {
		t.Errorf("second Fetch: %s after %s, rewritten %v", next.ID, next.Previous, next.Rewritten)
	}
	if before, after := read(t, got.Files, "web.yaml"), read(t, next.Files, "web.yaml"); before != "v1" || after != "v2" {
		t.Errorf("snapshots hold %q and %q", before, after)
	}

	again := fetch(t, source)
	if again.ID != second || again.Previous != second || again.Rewritten {
		t.Errorf("third Fetch: %s after %s, rewritten %v", again.ID, again.Previous, again.Rewritten)
	}
}

func TestFetchBringsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("one", "big.txt", strings.Repeat("0123456789abcdef\n", 50_000), "web.yaml", "v1")
	options := r.options()
	fetch(t, newGit(t, options))
	r.push("two", "web.yaml", "v2")
	// A new process with the old cache.
	source := newGit(t, options)
	got := fetch(t, source)
	packs, err := filepath.Glob(filepath.Join(options.CacheDir, "objects", "pack", "*.pack"))
	if err != nil || len(packs) != 2 {
		t.Fatalf("packs: %v, %v", packs, err)
	}
	smallest := int64(1 << 40)
	for _, pack := range packs {
		if info, err := os.Stat(pack); err == nil {
			smallest = min(smallest, info.Size())
		}
	}
	if smallest > 1000 {
		t.Errorf("the second pack has %d bytes, want a commit, a tree and a small file", smallest)
	}
	if read(t, got.Files, "web.yaml") != "v2" || len(read(t, got.Files, "big.txt")) != 850_000 {
		t.Error("the files are not those of the second commit")
	}
	if got.Previous == "" || got.Rewritten {
		t.Errorf("Previous %q, Rewritten %v, want the commit that the process before saw", got.Previous, got.Rewritten)
	}
}

func TestFetchFollowsAForcePush(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	base := r.push("base", "web.yaml", "v1")
	gone := r.push("a mistake", "web.yaml", "v2")
	options := r.options()
	source := newGit(t, options)
	old := fetch(t, source)

	r.git("reset", "-q", "--hard", base)
	rewritten := r.push("better", "web.yaml", "v3")
	command(t, r.bare, "git", "reflog", "expire", "--expire=now", "--all")
	command(t, r.bare, "git", "gc", "-q", "--prune=now")
	got := fetch(t, source)
	if got.ID != rewritten || got.Previous != gone || !got.Rewritten {
		t.Errorf("%s after %s, rewritten %v", got.ID, got.Previous, got.Rewritten)
	}
	if read(t, got.Files, "web.yaml") != "v3" || read(t, old.Files, "web.yaml") != "v2" {
		t.Error("the files are not those of their commits")
	}
	// What has been deployed can still be shown, though the remote has forgotten it.
	if at, err := source.At(t.Context(), gone); err != nil || read(t, at.Files, "web.yaml") != "v2" {
		t.Errorf("At the lost commit: %v", err)
	}

	// Backwards is a force-push too; so is one that happened while no process ran.
	r.git("reset", "-q", "--hard", base)
	r.git("push", "-q", "-f", "origin", "HEAD")
	if got := fetch(t, newGit(t, options)); got.ID != base || !got.Rewritten || got.Previous != rewritten {
		t.Errorf("back to %s after %s, rewritten %v", got.ID, got.Previous, got.Rewritten)
	}
}

func TestFetchResolvesRefs(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	first := r.push("one", "web.yaml", "v1")
	r.git("tag", "-a", "v1.0", "-m", "release")
	r.git("tag", "light")
	r.git("push", "-q", "--tags", "origin")
	second := r.push("two", "web.yaml", "v2")
	r.git("checkout", "-q", "-b", "feature/x")
	third := r.push("three", "web.yaml", "v3")

	for _, test := range []struct{ ref, commit, name string }{
		{"", second, "main"},
		{"HEAD", second, "main"},
		{"main", second, "main"},
		{"feature/x", third, "feature/x"},
		{"refs/heads/feature/x", third, "feature/x"},
		{"v1.0", first, "v1.0"},
		{"refs/tags/v1.0", first, "v1.0"},
		{"light", first, "light"},
		{first, first, first},
	} {
		t.Run(test.ref, func(t *testing.T) {
			options := r.options()
			options.Ref = test.ref
			if got := fetch(t, newGit(t, options)); got.ID != test.commit || got.Ref != test.name {
				t.Errorf("%s at %s, want %s at %s", got.Ref, got.ID, test.name, test.commit)
			}
		})
	}
	for _, test := range []struct {
		ref   string
		words []string
	}{
		{"nope", []string{`"nope"`, "branches are feature/x, main"}},
		{first[:10], []string{"all 40 digits"}},
		{strings.Repeat("ab", 20), []string{strings.Repeat("ab", 20)}},
	} {
		options := r.options()
		options.Ref = test.ref
		_, err := newGit(t, options).Fetch(t.Context())
		wantError(t, err, ErrNotFound, append(test.words, "shop.git")...)
	}
}

func TestFetchOfADeletedBranchFailsAndRecovers(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("one", "web.yaml", "v1")
	r.git("checkout", "-q", "-b", "live")
	live := r.push("two", "web.yaml", "v2")
	options := r.options()
	options.Ref = "live"
	source := newGit(t, options)
	fetch(t, source)

	r.git("push", "-q", "origin", ":live")
	_, err := source.Fetch(t.Context())
	wantError(t, err, ErrNotFound, `"live"`, "branches are main")

	r.git("push", "-q", "origin", "live")
	if got := fetch(t, source); got.ID != live || got.Previous != live {
		t.Errorf("back at %s after %s", got.ID, got.Previous)
	}
}

func TestFetchErrors(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	empty := newRepository(t)
	commit := r.push("one", "deploy/web.yaml", "v1", "file", "x")
	notARepository := t.TempDir()
	for name, test := range map[string]struct {
		change func(*GitOptions)
		kind   error
		words  []string
	}{
		"missing path":  {func(o *GitOptions) { o.Path = "nope/deep" }, ErrNotFound, []string{`"nope/deep"`, commit[:7]}},
		"path is file":  {func(o *GitOptions) { o.Path = "file" }, ErrNotFound, []string{`"file"`, "not a directory"}},
		"no directory":  {func(o *GitOptions) { o.URL = "/nonexistent/shop.git" }, ErrNotFound, []string{"/nonexistent/shop.git"}},
		"no repository": {func(o *GitOptions) { o.URL = notARepository }, ErrNotFound, []string{"not a Git repository"}},
		"empty":         {func(o *GitOptions) { o.URL = empty.bare }, ErrNotFound, []string{"no commit yet"}},
		"cache in use":  {func(o *GitOptions) { o.CacheDir = r.work }, ErrInvalid, []string{"holds other files"}},
		"cache a file":  {func(o *GitOptions) { o.CacheDir = filepath.Join(r.work, "file") }, ErrUnreachable, []string{"file"}},
	} {
		t.Run(name, func(t *testing.T) {
			options := r.options()
			test.change(&options)
			_, err := newGit(t, options).Fetch(t.Context())
			wantError(t, err, test.kind, test.words...)
		})
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	commit := r.push("one", "web.yaml", "v1")
	source := newGit(t, r.options())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := source.Fetch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if got := fetch(t, source); got.ID != commit {
		t.Errorf("afterwards: %s", got.ID)
	}
}

func TestAbandonableLeavesWorkThatDoesNotHear(t *testing.T) {
	t.Parallel()
	busy := make(chan struct{}, 1)
	release := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	stuck := func(context.Context) (int, error) {
		cancel()
		<-release
		return 1, nil
	}
	if _, err := abandonable(ctx, busy, stuck); !errors.Is(err, context.Canceled) {
		t.Errorf("stuck work: %v", err)
	}
	// Until it has ended, nothing else may touch what it works on.
	next, cancelNext := context.WithCancel(t.Context())
	cancelNext()
	if _, err := abandonable(next, busy, stuck); !errors.Is(err, context.Canceled) {
		t.Errorf("next: %v", err)
	}
	close(release)
	got, err := abandonable(t.Context(), busy, func(context.Context) (int, error) { panic("go-git does") })
	if err == nil || got != 0 {
		t.Errorf("panic: %d, %v", got, err)
	}
}
