package gitsource

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLogFollowsFirstParents(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("before the path", "README", "x")
	added := r.push("add", "deploy/web.yaml", "v1")
	r.push("elsewhere", "README", "y")
	r.git("checkout", "-q", "-b", "feature")
	r.commit("feature 1", "deploy/web.yaml", "v2")
	r.commit("feature 2", "deploy/web.yaml", "v3")
	r.git("checkout", "-q", "main")
	other := r.commit("meanwhile", "deploy/db.yaml", "db")
	r.git("merge", "-q", "--no-ff", "-m", "merge feature", "feature")
	merge := r.git("rev-parse", "HEAD")
	r.git("checkout", "-q", "-b", "docs")
	r.commit("docs", "README", "z")
	r.git("checkout", "-q", "main")
	r.git("merge", "-q", "--no-ff", "-m", "merge docs", "docs")
	r.git("rm", "-q", "-r", "deploy")
	removed := r.commit("remove")
	again := r.push("again", "deploy/web.yaml", "v1")

	options := r.options()
	options.Path = "deploy"
	source := newGit(t, options)
	head := fetch(t, source).ID
	log, err := source.Log(t.Context(), head, 100)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{again, removed, merge, other, added}
	if diff := cmp.Diff(want, strings.Fields(ids(log))); diff != "" {
		t.Errorf("Log (-want +got):\n%s", diff)
	}
	wantMerge := Revision{ID: merge, Subject: "merge feature", Author: "Ada", Email: "ada@example.org", Time: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)}
	if diff := cmp.Diff(wantMerge, log[2]); diff != "" {
		t.Errorf("the merge (-want +got):\n%s", diff)
	}
	if log, err := source.Log(t.Context(), head, 2); err != nil || ids(log) != again+" "+removed {
		t.Errorf("the first two are %s, %v", ids(log), err)
	}
	if log, err := source.Log(t.Context(), other, 10); err != nil || ids(log) != other+" "+added {
		t.Errorf("from an earlier one: %s, %v", ids(log), err)
	}
	_, err = source.Log(t.Context(), strings.Repeat("ab", 20), 10)
	wantError(t, err, ErrNotFound, "shop.git", "no commit "+strings.Repeat("ab", 20))
	_, err = source.Log(t.Context(), "sha256:00", 10)
	wantError(t, err, ErrNotFound, "sha256:00")

	at, err := source.At(t.Context(), merge)
	if err != nil || read(t, at.Files, "web.yaml") != "v3" || read(t, at.Files, "db.yaml") != "db" {
		t.Errorf("At the merge: %v", err)
	}
	_, err = source.At(t.Context(), removed)
	wantError(t, err, ErrNotFound, `"deploy"`, removed[:7])

	// Without a path all commits of the branch itself count.
	options.Path = ""
	if log, err := newGit(t, options).Log(t.Context(), head, 100); err != nil || len(log) != 8 {
		t.Errorf("%d commits in all, %v", len(log), err)
	}
}

func TestLogOfAShallowClone(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	for _, version := range []string{"v1", "v2", "v3"} {
		r.push(version, "web.yaml", version)
	}
	shallow := t.TempDir()
	command(t, "", "git", "clone", "-q", "--depth=2", "file://"+r.bare, shallow)
	source := newDirectory(t, DirectoryOptions{Dir: shallow})
	log, err := source.Log(t.Context(), fetch(t, source).ID, 10)
	if err != nil || len(log) != 2 || log[1].Subject != "v2" {
		t.Errorf("Log: %v, %v", log, err)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":                        "plain",
		"  many \t\n blanks\r\n":       "many blanks",
		"\x1b[31mred\x1b[0m \x07bell":  "[31mred[0m bell",
		"bad \xff\xfe UTF-8":           "bad � UTF-8",
		"right\u202eleft\u200b":        "rightleft",
		"👩\u200d💻 works":               "👩\u200d💻 works",
		strings.Repeat("long ", 10):    "long long long lon…",
		"nineteen characters":          "nineteen characters",
		"\u0085\u2028separators\u0000": "separators",
	} {
		if got := clean(text, 19); got != want {
			t.Errorf("clean(%q) is %q, want %q", text, got, want)
		}
	}
}

func TestSubjectOfACommit(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.write("web.yaml", "v1")
	r.git("add", "-A")
	r.git("commit", "-q", "--cleanup=verbatim", "-m", "\n\n \x1b[2Jfirst\tline \nsecond line")
	r.git("push", "-q", "origin", "HEAD")
	if got := fetch(t, newGit(t, r.options())); got.Subject != "[2Jfirst line" {
		t.Errorf("Subject is %q", got.Subject)
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	commit := "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
	for id, want := range map[string]string{
		"": "", "1a2": "1a2", commit: "1a2b3c4", commit + "-dirty-0123456789ab": "1a2b3c4-dirty", "sha256:" + commit: "sha256:1a2b3c4",
	} {
		if got := (Revision{ID: id}).Short(); got != want {
			t.Errorf("Short of %q is %q, want %q", id, got, want)
		}
	}
}
