package gitsource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository is a bare repository with a work tree that pushes to it, both made by the git program.
type repository struct {
	t    testing.TB
	bare string // what a source follows
	work string
}

func newRepository(t testing.TB) *repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("the git program is missing (Debian: git)")
	}
	r := &repository{t: t, bare: filepath.Join(t.TempDir(), "shop.git"), work: filepath.Join(t.TempDir(), "work")}
	command(t, "", "git", "init", "-q", "--bare", "-b", "main", r.bare)
	command(t, "", "git", "init", "-q", "-b", "main", r.work)
	r.git("remote", "add", "origin", r.bare)
	return r
}

// command runs a program apart from the user's configuration, and returns what it printed.
func command(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
		"GIT_COMMITTER_NAME=Bob", "GIT_COMMITTER_EMAIL=bob@example.org", "GIT_COMMITTER_DATE=2026-01-02T03:04:06Z")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(stdout.String())
}

func (r *repository) git(args ...string) string {
	r.t.Helper()
	return command(r.t, r.work, "git", args...)
}

// write changes files of the work tree: name, content, name, content …
func (r *repository) write(files ...string) {
	r.t.Helper()
	writeFiles(r.t, r.work, files...)
}

func writeFiles(t testing.TB, dir string, files ...string) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// commit commits files and returns the commit.
func (r *repository) commit(subject string, files ...string) string {
	r.t.Helper()
	r.write(files...)
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", subject)
	return r.git("rev-parse", "HEAD")
}

// push commits files, pushes the branch that is checked out, and returns the commit.
func (r *repository) push(subject string, files ...string) string {
	r.t.Helper()
	commit := r.commit(subject, files...)
	r.git("push", "-q", "-f", "origin", "HEAD")
	return commit
}

// set moves the branch that sources follow, without a program.
func (r *repository) set(commit string) {
	r.t.Helper()
	writeFiles(r.t, r.bare, "refs/heads/main", commit+"\n")
}

// imported fills the repository with n commits, each of which changes the file "web.yaml" to its own number, beside other
// files, and returns them, oldest first. It is much quicker than to commit one by one.
func (r *repository) imported(n int, files ...string) []string {
	r.t.Helper()
	var stream strings.Builder
	stream.WriteString("feature done\n")
	data := func(text string) { fmt.Fprintf(&stream, "data %d\n%s\n", len(text), text) }
	for i := range n {
		fmt.Fprintf(&stream, "commit refs/heads/main\nmark :%d\ncommitter Bob <bob@example.org> %d +0000\n", i+1, 1767323046+i)
		data(fmt.Sprint("commit ", i))
		stream.WriteString("M 644 inline web.yaml\n")
		data(fmt.Sprint(i))
		for f := 0; i == 0 && f < len(files); f += 2 {
			fmt.Fprintf(&stream, "M 644 inline %s\n", files[f])
			data(files[f+1])
		}
	}
	stream.WriteString("done\n")
	input, marks := filepath.Join(r.t.TempDir(), "stream"), filepath.Join(r.t.TempDir(), "marks")
	writeFiles(r.t, "/", input, stream.String())
	command(r.t, r.bare, "sh", "-c", `exec git fast-import --quiet --export-marks="$1" <"$0"`, input, marks)
	exported, err := os.ReadFile(marks)
	if err != nil {
		r.t.Fatal(err)
	}
	commits := make([]string, n)
	for line := range strings.Lines(string(exported)) {
		var mark int
		var commit string
		if _, err := fmt.Sscanf(line, ":%d %s", &mark, &commit); err != nil {
			r.t.Fatal(err)
		}
		commits[mark-1] = commit
	}
	return commits
}

func (r *repository) options() GitOptions {
	return GitOptions{URL: r.bare, CacheDir: filepath.Join(r.t.TempDir(), "cache")}
}

func newGit(t testing.TB, options GitOptions) *gitSource {
	t.Helper()
	source, err := NewGit(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		source.Close()
		source.(*gitSource).busy <- struct{}{} // an abandoned fetch still writes to the test's directory
	})
	return source.(*gitSource)
}

func fetch(t testing.TB, source Source) Snapshot {
	t.Helper()
	snapshot, err := source.Fetch(context.Background())
	if err != nil {
		t.Fatalf("Fetch: %v", err)
	}
	return snapshot
}

func read(t testing.TB, files fs.FS, name string) string {
	t.Helper()
	content, err := fs.ReadFile(files, name)
	if err != nil {
		t.Fatalf("ReadFile: %v", err)
	}
	return string(content)
}

// wantError checks the kind of an error and that its sentence holds certain words, and none that are secret.
func wantError(t testing.TB, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v (%T), want one of the kind %q", err, err, kind)
	}
	text := err.Error()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("error %q does not say %q", text, word)
		}
	}
	if strings.Contains(text, secret) || strings.Contains(text, "\n") {
		t.Errorf("error %q holds a secret or several lines", text)
	}
}

// secret is the password of all tests.
const secret = "s3cr3t-passw0rd"
