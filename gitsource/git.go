package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/robfig/cron/v3"
)

// gitSource follows a ref of a repository elsewhere through a cache.
type gitSource struct {
	options  GitOptions
	location location
	path     string
	schedule cron.Schedule
	client   *http.Client

	busy    chan struct{} // holds one value while a fetch is under way, also one that was abandoned
	closing context.Context
	close   context.CancelFunc

	mu    sync.Mutex
	cache *cache
	last  *fetched
}

// fetched is what the last Fetch found.
type fetched struct {
	target
	snapshot Snapshot
}

// NewGit prepares to follow a Git repository. It checks the options (ErrInvalid) and touches neither network nor cache.
func NewGit(options GitOptions) (Source, error) {
	l, err := parseLocation(options.URL)
	if err != nil {
		return nil, err
	}
	if options.CacheDir == "" {
		return nil, fail(ErrInvalid, nil, "the repository %s has no cache directory", l)
	}
	if options.CacheDir, err = filepath.Abs(options.CacheDir); err != nil {
		return nil, fail(ErrInvalid, err, "the cache directory %q cannot be made absolute", options.CacheDir)
	}
	options.Ref = strings.TrimSpace(options.Ref)
	if err := checkRef(options.Ref); err != nil {
		return nil, err
	}
	path, err := cleanPath(options.Path)
	if err != nil {
		return nil, err
	}
	if options.Schedule == "" {
		options.Schedule = "@every 1m"
	}
	schedule, err := ParseSchedule(options.Schedule)
	if err != nil {
		return nil, err
	}
	client, err := newHTTPClient(options.CAFile)
	if err != nil {
		return nil, err
	}
	if options.Timeout <= 0 {
		options.Timeout = 10 * time.Minute
	}
	options.Limits = options.Limits.withDefaults()
	s := &gitSource{options: options, location: l, path: path, schedule: schedule, client: client, busy: make(chan struct{}, 1)}
	s.closing, s.close = context.WithCancel(context.Background())
	return s, nil
}

func (s *gitSource) String() string { return s.location.String() }

func (s *gitSource) Watch(ctx context.Context, changed func()) error {
	return tick(ctx, s.schedule, changed)
}

func (s *gitSource) Close() error {
	s.close()
	s.client.CloseIdleConnections()
	return nil
}

// Fetch runs apart from the caller: some of go-git does not hear of the end of a context, and is then left to end by itself,
// which it does without changing anything.
func (s *gitSource) Fetch(ctx context.Context) (Snapshot, error) {
	limited, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()

	snapshot, err := abandonable(limited, s.busy, s.fetch)
	switch {
	case err == nil:
		return snapshot, nil
	case ctx.Err() != nil:
		return Snapshot{}, ctx.Err()
	case s.closing.Err() != nil:
		return Snapshot{}, fmt.Errorf("%s: %w", s, fs.ErrClosed)
	case limited.Err() != nil:
		return Snapshot{}, fail(ErrUnreachable, err, "fetching from %s did not end within %s", s, s.options.Timeout)
	}
	_, password, _ := s.options.credentials(s.location)
	return Snapshot{}, explainFetch(err, s.location, s.options.CacheDir, password, s.location.password)
}

// abandonable runs f, one at a time, and returns early when ctx ends.
func abandonable[T any](ctx context.Context, busy chan struct{}, f func(context.Context) (T, error)) (result T, err error) {
	select {
	case busy <- struct{}{}:
	case <-ctx.Done():
		return result, ctx.Err()
	}
	type outcome struct {
		result T
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if r := recover(); r != nil {
				o.err = fmt.Errorf("%v", r)
			}
			<-busy
			done <- o
		}()
		o.result, o.err = f(ctx)
	}()
	select {
	case o := <-done:
		return o.result, o.err
	case <-ctx.Done():
		return result, ctx.Err()
	}
}

func (s *gitSource) fetch(ctx context.Context) (Snapshot, error) {
	c, err := s.openCache()
	if err != nil {
		return Snapshot{}, err
	}
	goal, err := s.bring(ctx, c)
	if err != nil {
		return Snapshot{}, err
	}
	last := s.lastFetched()
	if last != nil && last.target == goal {
		same := last.snapshot
		same.Previous, same.Rewritten = same.ID, false
		return same, nil
	}
	commit, err := c.objects.peel(goal.hash)
	if err != nil {
		return Snapshot{}, err
	}
	previous := previousCommit(last, c.facts, goal)
	rewritten := false
	if previous != "" {
		descended, err := descends(ctx, c.objects, commit, plumbing.NewHash(previous))
		if err != nil {
			return Snapshot{}, err
		}
		rewritten = !descended
	}
	if err := c.record(goal.name, commit.Hash); err != nil {
		return Snapshot{}, err
	}
	snapshot, err := s.snapshot(c, commit, goal.short)
	if err != nil {
		return Snapshot{}, err
	}
	s.mu.Lock()
	s.last = &fetched{target: goal, snapshot: snapshot}
	s.mu.Unlock()
	snapshot.Previous, snapshot.Rewritten = previous, rewritten
	return snapshot, nil
}

// previousCommit is where the same ref was seen last, by this process or by one before it.
func previousCommit(last *fetched, known facts, goal target) string {
	switch {
	case last != nil && last.name == goal.name:
		return last.snapshot.ID
	case known.Ref == goal.name:
		return known.Commit
	default:
		return ""
	}
}

// bring finds out what the ref stands for now, and has the cache hold it.
func (s *gitSource) bring(ctx context.Context, c *cache) (target, error) {
	if hash := plumbing.NewHash(s.options.Ref); fullCommit.MatchString(s.options.Ref) && c.objects.has(hash) {
		return target{short: s.options.Ref, hash: hash, commit: hash}, nil // a commit never changes: no need to ask
	}
	goal, found, err := s.converse(ctx, c, false)
	if err == nil && found {
		return goal, nil
	}
	if goal.name != "" || goal.hash.IsZero() || ctx.Err() != nil {
		return goal, err
	}
	// The server does not give a commit by itself: get all branches and tags, and look there.
	if goal, found, err = s.converse(ctx, c, true); err == nil && !found {
		err = fail(ErrNotFound, nil, "%s has no commit %s on any branch or tag", s, s.options.Ref)
	}
	return goal, err
}

// converse has one conversation with the remote, after which the cache holds the goal, if found.
func (s *gitSource) converse(ctx context.Context, c *cache, all bool) (goal target, found bool, err error) {
	r, err := open(ctx, s.location, s.options, s.client)
	if err != nil {
		return target{}, false, err
	}
	defer r.close()
	remote, err := r.advertise(ctx)
	if err != nil {
		return target{}, false, err
	}
	if goal, err = resolve(remote, s.options.Ref, s.String()); err != nil {
		return target{}, false, err
	}
	wants := []plumbing.Hash{goal.hash}
	if all {
		wants = remote.all()
	} else if goal.name == "" && !r.wantsAny() && !remote.points(goal.hash) {
		return goal, false, nil
	}
	request := packRequest{has: c.objects.has, maxFileBytes: s.options.Limits.FileBytes}
	for _, want := range wants {
		if !c.objects.has(want) {
			request.wants = append(request.wants, want)
		}
	}
	if len(request.wants) > 0 {
		request.haves = haves(c.objects, plumbing.NewHash(c.facts.Commit))
		pack, partial, err := r.pack(ctx, request)
		if err != nil {
			return goal, false, err
		}
		defer pack.Close()
		if err := c.receive(pack, partial, request.wants, s.options.Limits.ObjectBytes); err != nil {
			return goal, false, err
		}
		if err := c.tidy(ctx); err != nil {
			return goal, false, err
		}
	}
	return goal, c.objects.has(goal.hash), nil
}

// openCache opens the cache at first, and anew once it was found to be damaged.
func (s *gitSource) openCache() (*cache, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cache != nil && !s.cache.damaged.Load() {
		return s.cache, nil
	}
	want := facts{URL: s.location.String(), FileBytes: s.options.Limits.FileBytes}
	c, err := openCache(s.options.CacheDir, want, s.cache != nil)
	if err != nil {
		return nil, err
	}
	if s.cache != nil {
		s.last.forget()
	}
	s.cache = c
	return c, nil
}

// forget has the next Fetch build its Snapshot anew, and still know the revision before.
func (f *fetched) forget() {
	if f != nil {
		f.hash = plumbing.ZeroHash
	}
}

func (s *gitSource) lastFetched() *fetched {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *gitSource) snapshot(c *cache, commit *object.Commit, ref string) (Snapshot, error) {
	return snapshotOf(c.objects, commit, ref, s.path, s.options.Limits, s.String())
}

// snapshotOf shows a commit's tree at a path.
func snapshotOf(repository *stored, commit *object.Commit, ref, path string, limits Limits, source string) (Snapshot, error) {
	revision := revisionOf(commit, ref)
	root := newTree(repository, commit.TreeHash, limits, revision.Time)
	files, err := subtree(root, path, source+" at "+revision.Short())
	if err != nil {
		return Snapshot{}, err
	}
	return Snapshot{Revision: revision, Files: files, Root: root, Path: path}, nil
}

// subtree is the directory at a path; label names the tree for errors.
func subtree(root *tree, path, label string) (fs.FS, error) {
	files, err := root.Sub(path)
	pathError, ok := errors.AsType[*fs.PathError](err)
	switch {
	case err == nil:
		return files, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, fail(ErrNotFound, err, "%s has no directory %q", label, path)
	case !ok:
		return nil, err
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return nil, fail(f.kind, err, "%s: %s: %s", label, path, f.sentence)
	}
	return nil, fail(ErrNotFound, err, "%s: %q is %v", label, path, pathError.Err)
}

func (s *gitSource) Log(ctx context.Context, from string, n int) ([]Revision, error) {
	c, commit, err := s.cached(from)
	if err != nil {
		return nil, err
	}
	return history(ctx, c.objects, commit, s.path, n)
}

func (s *gitSource) At(ctx context.Context, id string) (Snapshot, error) {
	c, commit, err := s.cached(id)
	if err != nil {
		return Snapshot{}, err
	}
	if err := ctx.Err(); err != nil {
		return Snapshot{}, err
	}
	return s.snapshot(c, commit, "")
}

// cached finds a commit that was fetched.
func (s *gitSource) cached(id string) (*cache, *object.Commit, error) {
	c, err := s.openCache()
	if err != nil {
		return nil, nil, explainFetch(err, s.location, s.options.CacheDir)
	}
	commit, err := findCommit(c.objects, id, s.String())
	return c, commit, err
}

func findCommit(repository *stored, id, source string) (*object.Commit, error) {
	if !fullCommit.MatchString(id) {
		return nil, fail(ErrNotFound, nil, "%q is no commit of %s", id, source)
	}
	commit, err := repository.commit(plumbing.NewHash(id))
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fail(ErrNotFound, err, "the history of %s holds no commit %s", source, id)
	}
	if err != nil {
		return nil, repository.broken(err)
	}
	return commit, nil
}
