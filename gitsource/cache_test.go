package gitsource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-git/go-git/v5/plumbing"
)

// TestCacheHeals damages the cache between two processes, as a crash, a full disk or a bad one might.
func TestCacheHeals(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	commits := r.imported(2)
	for name, damage := range map[string]func(t *testing.T, cache, pack string){
		"pack cut short":  func(t *testing.T, _, pack string) { truncate(t, pack+".pack", 100) },
		"pack empty":      func(t *testing.T, _, pack string) { truncate(t, pack+".pack", 0) },
		"index missing":   func(t *testing.T, _, pack string) { remove(t, pack+".idx") },
		"index cut short": func(t *testing.T, _, pack string) { truncate(t, pack+".idx", 50) },
		"pack missing":    func(t *testing.T, _, pack string) { remove(t, pack+".pack") },
		"commit damaged":  func(t *testing.T, _, pack string) { flip(t, pack+".pack", 20) },
		"objects missing": func(t *testing.T, cache, _ string) { remove(t, filepath.Join(cache, "objects")) },
		"facts empty":     func(t *testing.T, cache, _ string) { truncate(t, filepath.Join(cache, factsName), 0) },
		"half a fetch":    func(t *testing.T, _, pack string) { writeFiles(t, filepath.Dir(pack), "tmp_123", "PACK") },
		"nothing at all":  func(t *testing.T, _, _ string) {},
	} {
		t.Run(name, func(t *testing.T) {
			options := r.options()
			r.set(commits[0])
			fetch(t, newGit(t, options))
			packs, err := filepath.Glob(filepath.Join(options.CacheDir, "objects/pack/*.pack"))
			if err != nil || len(packs) != 1 {
				t.Fatalf("packs: %v, %v", packs, err)
			}
			damage(t, options.CacheDir, strings.TrimSuffix(packs[0], ".pack"))
			r.set(commits[1])
			if got := fetch(t, newGit(t, options)); got.ID != commits[1] || read(t, got.Files, "web.yaml") != "1" || got.Rewritten {
				t.Errorf("fetched %s, rewritten %v", got.ID, got.Rewritten)
			}
			if left, _ := filepath.Glob(filepath.Join(options.CacheDir, "objects/pack/tmp_*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			command(t, options.CacheDir, "git", "fsck", "--full", "--strict")
			if log := command(t, options.CacheDir, "git", "log", "--format=%s"); log != "commit 1\ncommit 0" {
				t.Errorf("git log in the cache prints %q", log)
			}
		})
	}
}

// TestCacheHealsInOneFetch damages the cache under a running process.
func TestCacheHealsInOneFetch(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	commits := r.imported(2)
	for name, damage := range map[string]func(t *testing.T, options GitOptions){
		"packs empty": func(t *testing.T, options GitOptions) {
			packs, _ := filepath.Glob(filepath.Join(options.CacheDir, "objects/pack/*.pack"))
			truncate(t, packs[0], 0)
		},
		"all gone": func(t *testing.T, options GitOptions) { remove(t, filepath.Join(options.CacheDir, "objects/pack")) },
	} {
		t.Run(name, func(t *testing.T) {
			options := r.options()
			r.set(commits[0])
			source := newGit(t, options)
			fetch(t, source)
			if err := source.cache.objects.close(); err != nil { // else the files live on while they are open
				t.Fatal(err)
			}
			damage(t, options)
			r.set(commits[1])
			if got := fetch(t, source); got.ID != commits[1] || got.Previous != commits[0] || got.Rewritten || read(t, got.Files, "web.yaml") != "1" {
				t.Errorf("fetched %s after %s, rewritten %v", got.ID, got.Previous, got.Rewritten)
			}
		})
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := errors.Join(os.Chmod(path, 0o644), os.Truncate(path, size)); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[at] ^= 0xff
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDamageFoundWhileReading has a file's content damaged under a running process: one clear error, and then another clone.
func TestDamageFoundWhileReading(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("one", "web.yaml", strings.Repeat("0123456789", 100))
	commit := r.push("two", "other.yaml", "x")
	options := r.options()
	source := newGit(t, options)
	got := fetch(t, source)
	entry := plumbing.NewHash(r.git("rev-parse", "HEAD:web.yaml"))
	c, err := source.openCache()
	if err != nil {
		t.Fatal(err)
	}
	packs, _ := filepath.Glob(filepath.Join(options.CacheDir, "objects/pack/*.idx"))
	verbose := command(t, options.CacheDir, "git", "verify-pack", "-v", packs[0])
	_, line, _ := strings.Cut(verbose, entry.String())
	offset := strings.Fields(line)[3]
	at := 0
	for _, digit := range offset {
		at = at*10 + int(digit-'0')
	}
	flip(t, strings.TrimSuffix(packs[0], ".idx")+".pack", at+8)

	_, err = fs.ReadFile(got.Files, "web.yaml")
	wantError(t, err, ErrUnreachable, "web.yaml", "damaged", "clones it again")
	if !c.damaged.Load() {
		t.Error("the damage was not noted")
	}
	healed := fetch(t, source)
	if healed.ID != commit || healed.Previous != commit || healed.Rewritten || len(read(t, healed.Files, "web.yaml")) != 1000 {
		t.Errorf("healed: %s after %s, rewritten %v", healed.ID, healed.Previous, healed.Rewritten)
	}
}

func TestCacheOfAnotherRepository(t *testing.T) {
	t.Parallel()
	one, other := newRepository(t), newRepository(t)
	one.push("one", "web.yaml", "v1")
	commit := other.push("other", "web.yaml", "other")
	options := one.options()
	fetch(t, newGit(t, options))
	options.URL = other.bare
	if got := fetch(t, newGit(t, options)); got.ID != commit || got.Previous != "" || got.Rewritten {
		t.Errorf("fetched %s after %s", got.ID, got.Previous)
	}
	for _, name := range []string{factsName, "HEAD"} {
		content, err := os.ReadFile(filepath.Join(options.CacheDir, name))
		if err != nil || bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCachePacksStayFew(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	options := r.options()
	source := newGit(t, options)
	commits := r.imported(2*maxPacks, "deep/same.yaml", "same")
	r.set(commits[0])
	old := fetch(t, source)
	for _, commit := range commits[1:] {
		r.set(commit)
		fetch(t, source)
	}
	packs, err := filepath.Glob(filepath.Join(options.CacheDir, "objects/pack/*"))
	if err != nil || len(packs) > 2*(maxPacks+1) {
		t.Errorf("%d files of packs, %v", len(packs), err)
	}
	command(t, options.CacheDir, "git", "fsck", "--full", "--strict")
	if read(t, old.Files, "web.yaml") != "0" || read(t, old.Files, "deep/same.yaml") != "same" {
		t.Error("an old snapshot cannot be read")
	}
	again := newGit(t, options)
	if got := fetch(t, again); read(t, got.Files, "web.yaml") != fmt.Sprint(len(commits)-1) {
		t.Error("the newest snapshot is not there")
	}
	if log, err := again.Log(t.Context(), fetch(t, again).ID, 1000); err != nil || len(log) != len(commits) || log[len(log)-1].ID != commits[0] {
		t.Errorf("Log has %d entries, %v", len(log), err)
	}
}

func TestStorePackTakesAllOrNothing(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("one", "web.yaml", "v1", "large.bin", strings.Repeat("x", 100_000))
	r.push("two", "large.bin", strings.Repeat("x", 100_000)+"y")
	r.git("repack", "-adfq")
	packs, err := filepath.Glob(filepath.Join(r.work, ".git/objects/pack/*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatalf("packs: %v, %v", packs, err)
	}
	pack, err := os.ReadFile(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("connection lost")
	for name, test := range map[string]struct {
		reader io.Reader
		limit  int64
		kind   error
	}{
		"whole":     {bytes.NewReader(pack), 200_000, nil},
		"too large": {bytes.NewReader(pack), 99_999, ErrTooLarge},
		"delta":     {bytes.NewReader(pack), 100_000, ErrTooLarge}, // the other one is small in the pack, and large again without it
		"cut":       {bytes.NewReader(pack[:len(pack)/2]), 200_000, io.ErrUnexpectedEOF},
		"broken":    {io.MultiReader(bytes.NewReader(pack[:50]), iotest.ErrReader(broken)), 200_000, broken},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := storePack(dir, test.reader, test.limit)
			entries, _ := os.ReadDir(dir)
			if test.kind == nil && (err != nil || len(entries) != 2) || test.kind != nil && (err == nil || len(entries) != 0) {
				t.Errorf("error %v, left %v", err, entries)
			}
			if test.kind == ErrTooLarge && !errors.Is(err, ErrTooLarge) {
				t.Errorf("error %v", err)
			}
		})
	}
	if err := storePack(t.TempDir(), strings.NewReader("PACK of rubbish, far from any pack"), 1000); err == nil {
		t.Error("rubbish was taken")
	}
	if err := storePack(t.TempDir(), io.MultiReader(bytes.NewReader(pack), strings.NewReader("more")), 200_000); err == nil {
		t.Error("a pack with something after it was taken")
	}
}

func TestHugeObjectIsRefused(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("one", "web.yaml", "v1", "large.bin", strings.Repeat("x", 100_000))
	options := r.options()
	options.URL = withUser(serve(t, backend(t, r))+"/shop.git", "ada", secret) // a server that cannot leave it out
	options.Limits.ObjectBytes = 50_000
	_, err := newGit(t, options).Fetch(context.Background())
	wantError(t, err, ErrTooLarge, "97.7 KiB", "shop.git", "48.8 KiB")
}
