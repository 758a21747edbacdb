package repository

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// run runs git, the other side: the program that people use on the repository.
func run(t *testing.T, directory string, arguments ...string) string {
	t.Helper()
	command := exec.Command("git", append([]string{"-C", directory}, arguments...)...)
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Eve", "GIT_AUTHOR_EMAIL=eve@example.org", "GIT_COMMITTER_NAME=Eve", "GIT_COMMITTER_EMAIL=eve@example.org")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return strings.TrimSpace(string(output))
}

func TestHistoryReadsAsGitLog(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "demo.git")
	commits, err := Create(directory, "v3", noon)
	if err != nil {
		t.Fatal(err)
	}
	const want = `web: v3 (Ada, 2026-01-02)
web: v2 (Ada, 2026-01-01)
Add a worker (Ada, 2025-12-31)
Run web v1, three of it (Ada, 2025-12-30)`
	if diff := cmp.Diff(want, run(t, directory, "log", "--format=%s (%an, %ad)", "--date=short", Branch)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if newest := run(t, directory, "rev-parse", "HEAD"); newest != commits[len(commits)-1].ID {
		t.Errorf("HEAD is %s, the newest commit %s", newest, commits[len(commits)-1].ID)
	}
	run(t, directory, "fsck", "--strict")
	if run(t, directory, "rev-parse", "--is-bare-repository") != "true" {
		t.Error("the repository is not bare")
	}
	const images = `web.yaml:          image: web:v2
worker.yaml:          image: web:v1`
	if diff := cmp.Diff(images, strings.ReplaceAll(run(t, directory, "grep", "image:", "HEAD~1"), "HEAD~1:", "")); diff != "" {
		t.Errorf("images one commit before (-want +got):\n%s", diff)
	}
}

func TestSameTimeGivesSameCommits(t *testing.T) {
	first, err := Create(t.TempDir(), "v3", noon)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Create(t.TempDir(), "v3", noon)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("commits (-first +second):\n%s", diff)
	}
}

// What the demo tells people to try: clone, change or revert, push.
func TestPeopleCanPush(t *testing.T) {
	directory, clone := filepath.Join(t.TempDir(), "demo.git"), filepath.Join(t.TempDir(), "demo")
	if _, err := Create(directory, "v3", noon); err != nil {
		t.Fatal(err)
	}
	run(t, ".", "clone", "-q", directory, clone)
	run(t, clone, "revert", "--no-edit", "HEAD")
	run(t, clone, "push", "-q")
	if image := run(t, directory, "grep", "-h", "image:", Branch, "--", "web.yaml"); image != "image: web:v2" {
		t.Errorf("after the revert, web.yaml says %q", image)
	}
}

func TestHistoryStopsAtAVersion(t *testing.T) {
	commits, err := Create(t.TempDir(), "v1", noon)
	if err != nil {
		t.Fatal(err)
	}
	if len(commits) != 2 || commits[1].Subject != "Add a worker" {
		t.Errorf("%+v, want the two commits of v1", commits)
	}
	if _, err := Create(t.TempDir(), "v9", noon); err == nil {
		t.Error("v9: no error")
	}
}

func TestARepositoryIsNotOverwritten(t *testing.T) {
	directory := t.TempDir()
	if _, err := Create(directory, "v1", noon); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(directory, "v3", noon); err == nil {
		t.Error("a second repository in the same directory: no error")
	}
	if count := run(t, directory, "rev-list", "--count", "HEAD"); count != "2" {
		t.Errorf("%s commits after the refusal, want 2", count)
	}
}
