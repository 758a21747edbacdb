// Package gitsource brings manifests: trees of files, each at a known revision.
//
// What enters: a Git URL with a ref, or a directory, with the path below it that holds the manifests.
// What leaves: Snapshots, which are immutable file systems that carry the commit they show, the log of the path, and a
// hint whenever looking again may pay.
//
//	Git        schedule ──▶ changed()      Fetch ──▶ bare repository in the cache ──▶ Snapshot{Revision, fs.FS}
//	Directory  fsnotify ──▶ changed()      Fetch ──▶ copy in memory, once stable  ──▶ Snapshot{Revision, fs.FS}
//
// There is never a work tree: files are read from the repository's objects, so a hostile tree has nothing to write to.
// A Git source keeps the whole history of the ref that it follows, since the log is coracle's revision history, and fetches only
// what is new. A broken cache is thrown away and cloned again.
//
// The package knows nothing of Kubernetes.
package gitsource
