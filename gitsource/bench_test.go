package gitsource

import (
	"fmt"
	"io/fs"
	"testing"
)

// manifests are n files of about 700 bytes in n/50 directories, as name, content, name, content …
func manifests(n int) []string {
	var files []string
	for i := range n {
		content := fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app-%d\ndata:\n", i)
		for line := range 20 {
			content += fmt.Sprintf("  key-%d: value %d of file %d\n", line, line*i, i)
		}
		files = append(files, fmt.Sprintf("apps/group-%d/app-%d.yaml", i/50, i), content)
	}
	return files
}

// overHTTPAndFile runs a benchmark for a server and for a path on this machine.
func overHTTPAndFile(b *testing.B, run func(b *testing.B, r *repository, options GitOptions, commits []string)) {
	r := newRepository(b)
	commits := r.imported(2000, manifests(1000)...)
	address := withUser(serve(b, backend(b, r))+"/shop.git", "ada", secret)
	for _, url := range []string{r.bare, address} {
		b.Run(url[:4], func(b *testing.B) {
			options := r.options()
			options.URL = url
			run(b, r, options, commits)
		})
	}
}

// BenchmarkClone brings 2,000 commits and 1,000 files into an empty cache.
func BenchmarkClone(b *testing.B) {
	overHTTPAndFile(b, func(b *testing.B, r *repository, options GitOptions, commits []string) {
		b.ReportAllocs()
		for b.Loop() {
			options.CacheDir = b.TempDir()
			fetch(b, newGit(b, options))
		}
	})
}

func BenchmarkFetchOneCommit(b *testing.B) {
	overHTTPAndFile(b, func(b *testing.B, r *repository, options GitOptions, commits []string) {
		r.set(commits[0])
		source := newGit(b, options)
		fetch(b, source)
		b.ReportAllocs()
		next := 0
		for b.Loop() {
			if next++; next == len(commits) {
				b.StopTimer()
				options.CacheDir, next = b.TempDir(), 1
				r.set(commits[0])
				source = newGit(b, options)
				fetch(b, source)
				b.StartTimer()
			}
			r.set(commits[next])
			fetch(b, source)
		}
	})
}

func BenchmarkFetchNothingNew(b *testing.B) {
	overHTTPAndFile(b, func(b *testing.B, r *repository, options GitOptions, commits []string) {
		source := newGit(b, options)
		fetch(b, source)
		b.ReportAllocs()
		for b.Loop() {
			fetch(b, source)
		}
	})
}

// BenchmarkReadSnapshot reads all of 1,000 files, the first time for each snapshot.
func BenchmarkReadSnapshot(b *testing.B) {
	r := newRepository(b)
	r.imported(1, manifests(1000)...)
	source := newGit(b, r.options())
	id := fetch(b, source).ID
	b.ReportAllocs()
	for b.Loop() {
		snapshot, err := source.At(b.Context(), id)
		if err != nil {
			b.Fatal(err)
		}
		readAll(b, snapshot.Files, 1001)
	}
}

func readAll(b *testing.B, files fs.FS, want int) {
	b.Helper()
	n := 0
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
			_, err = fs.ReadFile(files, path)
		}
		return err
	})
	if err != nil || n != want {
		b.Fatalf("read %d files: %v", n, err)
	}
}

// BenchmarkLog lists ten commits.
func BenchmarkLog(b *testing.B) {
	r := newRepository(b)
	r.imported(100, manifests(1000)...)
	source := newGit(b, r.options())
	id := fetch(b, source).ID
	for b.Loop() {
		if log, err := source.Log(b.Context(), id, 10); err != nil || len(log) != 10 {
			b.Fatal(log, err)
		}
	}
}

// BenchmarkDirectory fetches a work tree of 1,000 files, of which none or one has changed.
func BenchmarkDirectory(b *testing.B) {
	r := newRepository(b)
	r.commit("all", manifests(1000)...)
	b.Run("nothing new", func(b *testing.B) {
		source := newDirectory(b, DirectoryOptions{Dir: r.work})
		fetch(b, source)
		for b.Loop() {
			fetch(b, source)
		}
	})
	b.Run("one file", func(b *testing.B) {
		source := newDirectory(b, DirectoryOptions{Dir: r.work, Quiet: 1})
		fetch(b, source)
		i := 0
		for b.Loop() {
			i++
			r.write("apps/group-1/app-50.yaml", fmt.Sprint(i))
			if !fetch(b, source).Dirty {
				b.Fatal("not dirty")
			}
		}
	})
}
