package gitsource

import (
	"context"
	"io/fs"
	"strings"
	"time"
)

// Source is a place that manifests come from. All methods may be called concurrently, and each returns soon after its
// ctx ends. Errors are single sentences for the user, hold no credentials, and match the Err values of this
// package with errors.Is; after any of them the Source can be asked again.
type Source interface {
	// String names the source for messages, as "https://git.example.org/shop.git". It never holds credentials.
	String() string

	// Fetch brings the newest state. Where nothing is new it costs one short exchange with the remote, or one
	// walk of the directory, and returns the same Revision as before.
	Fetch(ctx context.Context) (Snapshot, error)

	// Watch calls changed whenever Fetch might return something new: once as soon as it watches, so that nothing is missed
	// between a Fetch and the Watch, then at each tick of the schedule or event of the file system. changed is called from one
	// goroutine and must return at once. Watch returns ctx.Err() when ctx ends, and another error only if it cannot watch at all.
	Watch(ctx context.Context, changed func()) error

	// Log returns up to n revisions, newest first, starting from revision from (an ID that Fetch returned, or any commit
	// that it can reach). It follows first parents, so that each entry is a state which the branch itself has had: a merge
	// stands for all that it brought, and the commits of the merged branch are not listed. Only commits that changed
	// something under the source's path appear, so from itself may be missing. The uncommitted part of a dirty revision
	// is left out. A directory outside any repository has no log: nil and no error.
	Log(ctx context.Context, from string, n int) ([]Revision, error)

	// At returns the tree at the commit id, which Log or Fetch returned earlier. States of a directory that were never
	// committed are not kept: ErrNotFound.
	At(ctx context.Context, id string) (Snapshot, error)

	// Close frees what the Source holds and ends a Fetch that is under way. Files of its snapshots may no longer be readable.
	Close() error
}

// Snapshot is a consistent tree at one Revision. It never changes, whatever later Fetches bring.
type Snapshot struct {
	Revision

	// Files are those under the source's path, with that path as root. Symbolic links are followed inside the whole tree of
	// the repository or directory; one that leads out of it is an error when it is opened. Listings leave out ".git" and
	// names that begin with two dots (where mounted ConfigMaps hide what their links lead to). A submodule is listed as
	// fs.ModeIrregular. It implements fs.ReadDirFS, fs.ReadFileFS, fs.StatFS, fs.ReadLinkFS and fs.SubFS, and may be used concurrently.
	Files fs.FS
	// Root is the whole tree, and Path where Files is in it ("." for all): an overlay may name a base outside its own directory.
	Root fs.FS
	Path string

	// Previous is the ID that the Fetch before this one saw for the same ref, also across restarts of the process where
	// there is a cache; "" if there was none. Rewritten says that this revision does not descend from it: a force-push.
	// Both are set by Fetch only.
	Previous  string
	Rewritten bool
}

// Revision says which state of the source a Snapshot holds.
type Revision struct {
	// ID is the commit in 40 hex digits; "<commit>-dirty-<12 hex digits of the content's digest>" for a
	// directory in a work tree that differs from its HEAD; "sha256:<64 hex digits>" of the content for any other directory.
	ID string

	// Subject is the first line of the commit message, Author and Email are its author's, all valid UTF-8 without control
	// characters. Time is that of the commit itself (the committer's). All are zero for a directory outside any repository.
	Subject string
	Author  string
	Email   string
	Time    time.Time

	// Ref is the branch, tag or commit that was followed: "main", "v1.2", or the commit. For a work tree it is the
	// branch that is checked out, or "" if none is. Log and At leave it empty.
	Ref string
	// Dirty says that files under the directory differ from HEAD, untracked ones that are not ignored included.
	Dirty bool
}

const (
	digestPrefix = "sha256:"
	dirtyInfix   = "-dirty-"
	shortDigits  = 7
)

// Short is the revision as people say it: "1a2b3c4", "1a2b3c4-dirty", "sha256:1a2b3c4".
func (r Revision) Short() string {
	if digest, ok := strings.CutPrefix(r.ID, digestPrefix); ok {
		return digestPrefix + first(digest, shortDigits)
	}
	commit, _, dirty := strings.Cut(r.ID, dirtyInfix)
	if dirty {
		return first(commit, shortDigits) + "-dirty"
	}
	return first(commit, shortDigits)
}

func first(s string, n int) string {
	return s[:min(n, len(s))]
}
