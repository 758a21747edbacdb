package gitsource

import (
	"context"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

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

// fetched is what a Fetch found.
type fetched struct {
	target
	cache    *cache // that the snapshot reads from
	snapshot Snapshot
}

// fetch does not touch the source itself, since nobody may be waiting for it any more; last is what the Fetch before found.
func (s *gitSource) fetch(ctx context.Context, last fetched) (fetched, error) {
	c, err := s.openCache()
	if err != nil {
		return fetched{}, err
	}
	goal, err := s.bring(ctx, c)
	if err != nil {
		return fetched{}, err
	}
	if last.target == goal && last.cache == c {
		last.snapshot.Previous, last.snapshot.Rewritten = last.snapshot.ID, false
		return last, nil
	}
	commit, err := c.objects.peel(goal.hash)
	if err != nil {
		return fetched{}, err
	}
	now := fetched{target: goal, cache: c}
	if now.snapshot, err = s.snapshot(c, commit, goal.short); err != nil {
		return fetched{}, err
	}
	if previous := previousCommit(last, c.facts, goal); previous != "" {
		descended, err := descends(ctx, c.objects, commit, plumbing.NewHash(previous))
		if err != nil {
			return fetched{}, err
		}
		now.snapshot.Previous, now.snapshot.Rewritten = previous, !descended
	}
	if err := ctx.Err(); err != nil {
		return fetched{}, err
	}
	return now, c.record(goal.name, commit.Hash)
}

// previousCommit is where the same ref was seen last, by this process or by one before it.
func previousCommit(last fetched, known facts, goal target) string {
	switch {
	case last.cache != nil && last.name == goal.name:
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
	s.cache = c
	return c, nil
}

func (s *gitSource) damaged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cache != nil && s.cache.damaged.Load()
}
