package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func TestSource(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	commit := strings.Repeat("0a", 20)
	for name, test := range map[string]struct {
		options     sourceOptions
		want        v1alpha1.ApplicationSource
		credentials gitCredentials
	}{
		"branch": {sourceOptions{repo: "git@git.example.org:shop.git", branch: "main", path: "deploy", sshKey: "key", knownHosts: "hosts"},
			v1alpha1.ApplicationSource{Repo: "git@git.example.org:shop.git", Branch: "main", Path: "deploy"}, gitCredentials{sshKey: "key", knownHosts: "hosts"}},
		"commit": {sourceOptions{repo: "https://git.example.org/shop.git", branch: commit},
			v1alpha1.ApplicationSource{Repo: "https://git.example.org/shop.git", Commit: commit}, gitCredentials{}},
		"password in the URL": {sourceOptions{repo: "https://ada:secret@git.example.org/shop.git"},
			v1alpha1.ApplicationSource{Repo: "https://git.example.org/shop.git"}, gitCredentials{username: "ada", password: "secret"}},
		"path of this machine": {sourceOptions{repo: "."}, v1alpha1.ApplicationSource{Repo: here}, gitCredentials{}},
		"directory":            {sourceOptions{dir: "m", path: "deploy"}, v1alpha1.ApplicationSource{Dir: filepath.Join(here, "m"), Path: "deploy"}, gitCredentials{}},
	} {
		got, credentials, err := test.options.source()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if credentials != test.credentials {
			t.Errorf("%s: credentials are %+v, want %+v", name, credentials, test.credentials)
		}
	}
}

func TestSourceOfAPlan(t *testing.T) {
	repo := v1alpha1.ApplicationSource{Repo: "https://git.example.org/shop.git", Tag: "v1", Path: "deploy"}
	directory := v1alpha1.ApplicationSource{Dir: "/srv/shop"}
	for name, test := range map[string]struct {
		options sourceOptions
		source  v1alpha1.ApplicationSource
		want    v1alpha1.ApplicationSource
		err     string
	}{
		"its own":               {sourceOptions{}, repo, repo, ""},
		"another branch":        {sourceOptions{branch: "feature"}, repo, v1alpha1.ApplicationSource{Repo: repo.Repo, Branch: "feature", Path: "deploy"}, ""},
		"another path":          {sourceOptions{path: "next"}, repo, v1alpha1.ApplicationSource{Repo: repo.Repo, Tag: "v1", Path: "next"}, ""},
		"another source":        {sourceOptions{dir: "/srv/next"}, repo, v1alpha1.ApplicationSource{Dir: "/srv/next"}, ""},
		"branch of a directory": {sourceOptions{branch: "feature"}, directory, directory, "--branch is for repositories; the application's source is the directory /srv/shop"},
	} {
		got, message := test.source, ""
		if _, err := test.options.applyTo(&got); err != nil {
			message = err.Error()
		}
		if diff := cmp.Diff(test.want, got); diff != "" || message != test.err {
			t.Errorf("%s: error %q; -want +got:\n%s", name, message, diff)
		}
	}
}

func TestPlanCache(t *testing.T) {
	isolate(t)
	const repo = "https://git.example.org/shop.git"
	first, err := openPlanCache(repo)
	if err != nil {
		t.Fatal(err)
	}
	beside, err := openPlanCache(repo)
	if err != nil {
		t.Fatal(err)
	}
	if beside.dir == first.dir {
		t.Error("two plans at a time have one clone")
	}
	beside.close()
	first.close()
	again, err := openPlanCache(repo)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if again.dir != first.dir {
		t.Errorf("a later plan has its clone at %s, not again at %s", again.dir, first.dir)
	}
	other, err := openPlanCache("https://git.example.org/other.git")
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if other.dir == again.dir {
		t.Error("two repositories have one clone")
	}
}
