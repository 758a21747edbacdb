package reconcile_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"coracle.dev/coracle/gitsource"
)

// scriptedSource is a source in memory, whose commits a test writes.
type scriptedSource struct {
	mu      sync.Mutex
	commits []commit // oldest first
	err     error
	forced  bool
	changed func()
	// before is called by Fetch, without the lock; nil does nothing.
	before  func(ctx context.Context)
	fetches int
}

type commit struct {
	gitsource.Revision
	files fstest.MapFS
}

// files is a tree: names to contents.
type files map[string]string

// commit adds one commit to the branch, and tells whoever watches. The id begins with the number of the commit.
func (s *scriptedSource) commit(subject string, tree files) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	content := fstest.MapFS{}
	for name, text := range tree {
		content[name] = &fstest.MapFile{Data: []byte(text)}
	}
	number := len(s.commits) + 1
	c := commit{files: content, Revision: gitsource.Revision{
		ID: fmt.Sprintf("%07d", number) + strings.Repeat("a", 33), Subject: subject, Author: "Ada", Email: "ada@example.org",
		Time: time.Date(2026, 1, 1, 0, number, 0, 0, time.UTC), Ref: "main",
	}}
	s.commits = append(s.commits, c)
	s.tell()
	return c.ID
}

// fail makes every call an error, until it is called with nil.
func (s *scriptedSource) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	s.tell()
}

// interrupt has the next calls of Fetch do something first.
func (s *scriptedSource) interrupt(before func(ctx context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
	s.tell()
}

// looks is how often Fetch was called.
func (s *scriptedSource) looks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches
}

// tell needs the lock.
func (s *scriptedSource) tell() {
	if s.changed != nil {
		s.changed()
	}
}

func (s *scriptedSource) String() string { return "script" }

func (s *scriptedSource) Fetch(ctx context.Context) (gitsource.Snapshot, error) {
	s.mu.Lock()
	before := s.before
	s.mu.Unlock()
	if before != nil {
		before(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches++
	if s.err != nil {
		return gitsource.Snapshot{}, s.err
	}
	snapshot := snapshotOf(s.commits[len(s.commits)-1])
	if s.forced {
		snapshot.Previous, snapshot.Rewritten = s.commits[0].ID, true
	}
	return snapshot, nil
}

func snapshotOf(c commit) gitsource.Snapshot {
	return gitsource.Snapshot{Revision: c.Revision, Files: c.files, Root: c.files, Path: "."}
}

func (s *scriptedSource) Watch(ctx context.Context, changed func()) error {
	s.mu.Lock()
	s.changed = changed
	s.mu.Unlock()
	changed()
	<-ctx.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = nil
	return ctx.Err()
}

func (s *scriptedSource) Log(_ context.Context, from string, n int) ([]gitsource.Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var log []gitsource.Revision
	for _, c := range slices.Backward(s.commits) {
		if len(log) > 0 || c.ID == from {
			log = append(log, c.Revision)
		}
	}
	return log[:min(n, len(log))], nil
}

func (s *scriptedSource) At(_ context.Context, id string) (gitsource.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.commits {
		if c.ID == id {
			return snapshotOf(c), nil
		}
	}
	return gitsource.Snapshot{}, fmt.Errorf("no commit %s: %w", id, gitsource.ErrNotFound)
}

func (s *scriptedSource) Close() error { return nil }

// with is a tree with some files changed; "" removes one.
func (f files) with(changes files) files {
	result := maps.Clone(f)
	for name, text := range changes {
		if text == "" {
			delete(result, name)
			continue
		}
		result[name] = text
	}
	return result
}

// errUnreachable is what a source says whose remote is away.
var errUnreachable = fmt.Errorf("git.example.org does not answer: %w", gitsource.ErrUnreachable)
