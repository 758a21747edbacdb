package repository

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-billy/v5/util"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"coracle.dev/coracle/examples/demo/manifests"
)

// Branch is the only branch.
const Branch = "main"

// Commit is one entry of the history.
type Commit struct {
	Subject string
	ID      string // 40 hex digits
}

// revision is what a commit changes: some of the manifests, with the version of web that they then run.
type revision struct {
	subject string
	version string
	files   []string
}

var history = []revision{
	{"Run web v1, three of it", "v1", []string{"settings.yaml", "web.yaml"}},
	{"Add a worker", "v1", []string{"worker.yaml"}},
	{"web: v2", "v2", []string{"web.yaml"}},
	{"web: v3", "v3", []string{"web.yaml"}},
}

// Create makes a bare repository in the directory, which must be empty or missing, with the history up to the last
// commit of the version ("v1", "v2" or "v3"). The newest commit is made at now, the others a day apart before it. It
// returns them, oldest first.
func Create(directory, version string, now time.Time) ([]Commit, error) {
	last := -1
	for i, r := range history {
		if r.version == version {
			last = i
		}
	}
	if last < 0 {
		return nil, fmt.Errorf("the history has no version %q: want v1, v2 or v3", version)
	}
	if entries, err := os.ReadDir(directory); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty", directory)
	}
	store := filesystem.NewStorage(osfs.New(directory), cache.NewObjectLRUDefault())
	tree := memfs.New()
	repository, err := git.InitWithOptions(store, tree, git.InitOptions{DefaultBranch: plumbing.NewBranchReferenceName(Branch)})
	if err != nil {
		return nil, fmt.Errorf("make repository %s: %w", directory, err)
	}
	worktree, err := repository.Worktree()
	if err != nil {
		return nil, fmt.Errorf("open the tree of %s: %w", directory, err)
	}
	var commits []Commit
	for i, r := range history[:last+1] {
		for _, name := range r.files {
			text, err := manifest(name, r.version)
			if err != nil {
				return nil, err
			}
			if err := util.WriteFile(tree, name, text, 0o644); err != nil {
				return nil, fmt.Errorf("write %s: %w", name, err)
			}
			if _, err := worktree.Add(name); err != nil {
				return nil, fmt.Errorf("add %s: %w", name, err)
			}
		}
		author := &object.Signature{Name: "Ada", Email: "ada@example.org", When: now.AddDate(0, 0, i-last)}
		id, err := worktree.Commit(r.subject+"\n", &git.CommitOptions{Author: author, Committer: author})
		if err != nil {
			return nil, fmt.Errorf("commit %q: %w", r.subject, err)
		}
		commits = append(commits, Commit{r.subject, id.String()})
	}
	return commits, makeBare(repository)
}

// makeBare says that the directory has no work tree: it was only in memory.
func makeBare(repository *git.Repository) error {
	config, err := repository.Config()
	if err != nil {
		return fmt.Errorf("read the repository's configuration: %w", err)
	}
	config.Core.IsBare, config.Core.Worktree = true, ""
	if err := repository.SetConfig(config); err != nil {
		return fmt.Errorf("write the repository's configuration: %w", err)
	}
	return nil
}

// manifest is the file, with that version of web in web.yaml. The worker stays at the version that it began with, so that
// nothing of it rolls when web does.
func manifest(name, version string) ([]byte, error) {
	text, err := fs.ReadFile(manifests.Files, name)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if name == "web.yaml" {
		text = []byte(strings.ReplaceAll(string(text), "image: web:v1", "image: web:"+version))
	}
	return text, nil
}

// Versions are those of the history, oldest first: the images that it needs.
func Versions() []string {
	var versions []string
	for _, r := range history {
		versions = append(versions, r.version)
	}
	return slices.Compact(versions)
}
