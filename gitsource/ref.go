package gitsource

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// advertised is what a remote says that it has.
type advertised struct {
	head       string                   // the branch that HEAD names, "refs/heads/main"; "" if unknown or none
	headCommit plumbing.Hash            // zero if HEAD names a branch that does not exist
	refs       map[string]plumbing.Hash // full name → what it points to
	peeled     map[string]plumbing.Hash // full name of an annotated tag → the object that is tagged
}

// target is what a ref stands for at the moment.
type target struct {
	name   string        // full name, "HEAD" if that is detached, or "" for a commit
	short  string        // for people: "main", "v1.2", or the commit
	hash   plumbing.Hash // to ask the remote for
	commit plumbing.Hash // what hash leads to, if the remote said so; else hash, which may be a tag
}

var (
	fullCommit  = regexp.MustCompile(`^[0-9a-f]{40}$`)
	shortCommit = regexp.MustCompile(`^[0-9a-f]{7,39}$`)
	sha256ID    = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// checkRef refuses what can never name anything.
func checkRef(ref string) error {
	switch {
	case sha256ID.MatchString(ref):
		return fail(ErrInvalid, nil, "the commit %s is of a SHA-256 repository, which is not supported", ref)
	case ref == "" || ref == "HEAD" || fullCommit.MatchString(ref):
		return nil
	}
	name := ref
	if !strings.HasPrefix(ref, "refs/") {
		name = "refs/heads/" + ref
	}
	if plumbing.ReferenceName(name).Validate() != nil {
		return fail(ErrInvalid, nil, "%q cannot be the name of a branch or tag", ref)
	}
	return nil
}

// resolve finds what ref names: "" and "HEAD" are the remote's default branch, 40 hex digits a commit, "refs/…" exactly that;
// of anything else the branch, or else the tag.
func resolve(remote advertised, ref, source string) (target, error) {
	switch {
	case len(remote.refs) == 0 && remote.headCommit.IsZero():
		return target{}, fail(ErrNotFound, nil, "%s holds no commit yet; push one", source)
	case ref == "" || ref == "HEAD":
		return resolveHead(remote, source)
	case fullCommit.MatchString(ref):
		hash := plumbing.NewHash(ref)
		return target{short: ref, hash: hash, commit: hash}, nil
	}
	for _, name := range []string{ref, "refs/heads/" + ref, "refs/tags/" + ref} {
		if found, ok := remote.target(name); ok && strings.HasPrefix(name, "refs/") {
			return found, nil
		}
	}
	if shortCommit.MatchString(ref) {
		return target{}, fail(ErrNotFound, nil, "%s has no branch or tag %q; if it is a commit, give all 40 digits", source, ref)
	}
	return target{}, fail(ErrNotFound, nil, "%s has no branch or tag %q%s", source, ref, remote.suggest())
}

func resolveHead(remote advertised, source string) (target, error) {
	if found, ok := remote.target(remote.head); ok {
		return found, nil
	}
	if remote.headCommit.IsZero() {
		return target{}, fail(ErrNotFound, nil, "the default branch of %s (%s) does not exist; name a branch%s",
			source, strings.TrimPrefix(remote.head, "refs/heads/"), remote.suggest())
	}
	// An old server does not say which branch HEAD is: take one that is at the same commit, the usual names first.
	for _, name := range append([]string{"refs/heads/main", "refs/heads/master"}, remote.branches()...) {
		if remote.refs[name] == remote.headCommit {
			found, _ := remote.target(name)
			return found, nil
		}
	}
	return target{name: "HEAD", short: "HEAD", hash: remote.headCommit, commit: remote.headCommit}, nil
}

func (a advertised) target(name string) (target, bool) {
	hash, ok := a.refs[name]
	if !ok {
		return target{}, false
	}
	t := target{name: name, short: plumbing.ReferenceName(name).Short(), hash: hash, commit: hash}
	if peeled, ok := a.peeled[name]; ok {
		t.commit = peeled
	}
	return t, true
}

// points tells whether some ref is at a commit, so that any server gives it.
func (a advertised) points(commit plumbing.Hash) bool {
	for _, hash := range a.refs {
		if hash == commit {
			return true
		}
	}
	return false
}

// all is what the branches and tags point to.
func (a advertised) all() []plumbing.Hash {
	var hashes []plumbing.Hash
	for name, hash := range a.refs {
		if strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/tags/") {
			hashes = append(hashes, hash)
		}
	}
	return hashes
}

func (a advertised) branches() []string {
	var names []string
	for name := range a.refs {
		if strings.HasPrefix(name, "refs/heads/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// suggest lists a few branches for an error.
func (a advertised) suggest() string {
	const most = 5
	names := a.branches()
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], "refs/heads/")
	}
	switch n := len(names); {
	case n == 0:
		return ""
	case n > most:
		return fmt.Sprintf("; its branches are %s and %d more", strings.Join(names[:most], ", "), n-most)
	default:
		return "; its branches are " + strings.Join(names, ", ")
	}
}
