package gitsource

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

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
	last  fetched // by the last Fetch that succeeded
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cache == nil {
		return nil
	}
	return s.cache.objects.close()
}

// Fetch runs apart from the caller: some of go-git does not hear of the end of a context, and is then left to end by itself,
// which it does without changing anything.
func (s *gitSource) Fetch(ctx context.Context) (Snapshot, error) {
	limited, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()

	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	now, err := abandonable(limited, s.busy, func(ctx context.Context) (fetched, error) {
		now, err := s.fetch(ctx, last)
		if err != nil && s.damaged() {
			return s.fetch(ctx, last) // into a new cache
		}
		return now, err
	})
	switch {
	case err == nil:
		s.mu.Lock()
		s.last = now
		s.mu.Unlock()
		return now.snapshot, nil
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
