package gitsource

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/gitignore"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// worktree is the repository in whose work tree a directory lies, and what its HEAD says of that directory.
type worktree struct {
	top     string // the root of the work tree
	gitDir  string
	within  string // the directory, relative to top: "." or "deploy/prod"
	objects *stored
	head    *object.Commit
	branch  string // that is checked out, or ""
	tree    plumbing.Hash
}

// openWorktree finds the work tree around an absolute path without links; nil if there is none, or one without a commit.
func openWorktree(directory string) (*worktree, error) {
	top, gitDir, ok := findGitDir(directory)
	if !ok {
		return nil, nil
	}
	broken := func(cause error) error {
		return fail(ErrUnreachable, cause, "the Git repository %s around %s cannot be read: %s", gitDir, directory, scrub(cause.Error()))
	}
	repository, err := git.PlainOpenWithOptions(top, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return nil, nil // a .git that Git would not take for one either
	}
	if err != nil {
		return nil, broken(err)
	}
	storage, ok := repository.Storer.(*filesystem.Storage)
	if !ok {
		return nil, broken(errors.ErrUnsupported)
	}
	w := &worktree{top: top, gitDir: gitDir, objects: &stored{store: storage, shared: true, broken: broken}}
	if w.within, err = filepath.Rel(top, directory); err != nil {
		return nil, broken(err)
	}
	w.within = filepath.ToSlash(w.within)
	head, err := repository.Head()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, broken(err)
	}
	if head.Name().IsBranch() {
		w.branch = head.Name().Short()
	}
	if w.head, err = w.objects.commit(head.Hash()); err != nil {
		return nil, broken(err)
	}
	w.tree, err = w.objects.at(w.head.TreeHash, w.within)
	return w, err
}

// findGitDir looks for .git upwards. It is a directory, or a file that names one, in linked work trees and submodules.
func findGitDir(directory string) (top, gitDir string, ok bool) {
	for top := directory; ; top = filepath.Dir(top) {
		gitDir := filepath.Join(top, ".git")
		info, err := os.Lstat(gitDir)
		switch {
		case err == nil && info.IsDir():
			return top, gitDir, true
		case err == nil:
			content, err := os.ReadFile(gitDir)
			target, found := strings.CutPrefix(strings.TrimSpace(string(content)), "gitdir: ")
			if err != nil || !found {
				return "", "", false
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(top, target)
			}
			return top, target, true
		}
		if top == filepath.Dir(top) {
			return "", "", false
		}
	}
}

// ignoreRules know what Git would commit of a directory: what HEAD has, and what no .gitignore in the work tree (or
// info/exclude) names. A user's own ignore file does not count, so that every user sees the same. Nil knows nothing.
type ignoreRules struct {
	tracked  map[string]object.TreeEntry // by path below the directory
	within   []string                    // the directory's own path in the work tree
	patterns []gitignore.Pattern         // the last that matches counts
}

// openRules is openWorktree, but for a directory that Git ignores as a whole: that is as if there were no work tree.
func openRules(directory string) (*worktree, *ignoreRules, error) {
	w, err := openWorktree(directory)
	if w == nil || err != nil {
		return nil, nil, err
	}
	rules, err := w.rules()
	if err != nil || w.ignored(rules) {
		return nil, nil, err
	}
	return w, rules, nil
}

// rules are made anew for each scan, which adds the .gitignore files that it comes by.
func (w *worktree) rules() (*ignoreRules, error) {
	r := &ignoreRules{tracked: map[string]object.TreeEntry{}}
	if w.within != "." {
		r.within = strings.Split(w.within, "/")
	}
	if !w.tree.IsZero() {
		if err := w.list(w.tree, ".", r.tracked); err != nil {
			return nil, err
		}
	}
	r.add(nil, func() ([]byte, error) { return os.ReadFile(filepath.Join(w.gitDir, "info", "exclude")) })
	above := w.top
	for i, name := range r.within { // the directory's own file is read by the scan
		r.add(r.within[:i], func() ([]byte, error) { return os.ReadFile(filepath.Join(above, ".gitignore")) })
		above = filepath.Join(above, name)
	}
	return r, nil
}

// list puts all below a tree into entries, directories included.
func (w *worktree) list(tree plumbing.Hash, at string, entries map[string]object.TreeEntry) error {
	children, err := w.objects.tree(tree)
	if err != nil {
		return err
	}
	for _, child := range children {
		name := path.Join(at, child.Name)
		entries[name] = child
		if child.Mode == filemode.Dir {
			if err := w.list(child.Hash, name, entries); err != nil {
				return err
			}
		}
	}
	return nil
}

// ignored tells whether the whole directory is left out of the work tree, so that it is none of Git's business.
func (w *worktree) ignored(r *ignoreRules) bool {
	return w.tree.IsZero() && len(r.within) > 0 && gitignore.NewMatcher(r.patterns).Match(r.within, true)
}

func (r *ignoreRules) add(domain []string, readFile func() ([]byte, error)) {
	content, err := readFile()
	if err != nil {
		return // mostly because there is none; then nothing is ignored
	}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#") {
			r.patterns = append(r.patterns, gitignore.ParsePattern(line, domain))
		}
	}
}

// enter adds the rules that a directory holds for what is below it. Only a regular file counts, as for Git.
func (r *ignoreRules) enter(name string, entries []fs.DirEntry, readFile func(string) ([]byte, error)) {
	if r == nil {
		return
	}
	for _, entry := range entries {
		if entry.Name() == ".gitignore" && entry.Type().IsRegular() {
			r.add(r.parts(name), func() ([]byte, error) { return readFile(path.Join(name, ".gitignore")) })
		}
	}
}

// skips tells what is no part of the tree: Git's own directory, and what Git would not commit, or an editor left. What HEAD
// has counts, whatever its name.
func (r *ignoreRules) skips(name string, entry fs.DirEntry) bool {
	if entry.Name() == ".git" {
		return true
	}
	if r == nil {
		return editorFile.MatchString(entry.Name())
	}
	if _, tracked := r.tracked[name]; tracked {
		return false
	}
	return editorFile.MatchString(entry.Name()) || gitignore.NewMatcher(r.patterns).Match(r.parts(name), entry.IsDir())
}

// submodule tells whether a directory is a repository of its own, and the commit that HEAD wants there, zero if none.
func (r *ignoreRules) submodule(root *os.Root, name string) (commit plumbing.Hash, ok bool) {
	if r == nil {
		return commit, false
	}
	if entry := r.tracked[name]; entry.Mode == filemode.Submodule {
		return entry.Hash, true
	}
	_, err := root.Lstat(path.Join(name, ".git"))
	return commit, err == nil || !errors.Is(err, fs.ErrNotExist)
}

func (r *ignoreRules) parts(name string) []string {
	if name == "." {
		return r.within
	}
	return append(r.within[:len(r.within):len(r.within)], strings.Split(name, "/")...)
}
