package node

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"coracle.dev/coracle/runtime"
)

// images pulls images, each at most once at a time, and remembers which ones it brought.
type images struct {
	engine runtime.Engine
	clock  clock.Clock
	file   string // "" keeps no record: then nothing is ever collected
	slots  chan struct{}

	mu      sync.Mutex
	pulls   map[string]*pull
	pulled  map[string]bool      // references that coracle pulled, of this run and earlier ones
	lastUse map[string]time.Time // of references, since this run began
}

// pull is one that goes on.
type pull struct {
	done chan struct{} // closed at the end, after err and took are set
	err  error
	took time.Duration
}

// parallelPulls is as many as keep a home line busy without starving each other.
const parallelPulls = 3

func newImages(engine runtime.Engine, clock clock.Clock, file string, keep bool) *images {
	i := &images{
		engine: engine, clock: clock, slots: make(chan struct{}, parallelPulls),
		pulls: map[string]*pull{}, pulled: map[string]bool{}, lastUse: map[string]time.Time{},
	}
	if !keep {
		return i
	}
	i.file = file
	var refs []string
	if data, err := os.ReadFile(file); err == nil && json.Unmarshal(data, &refs) == nil {
		for _, ref := range refs {
			i.pulled[ref] = true
		}
	}
	return i
}

// get pulls ref, or joins a pull of it that goes on with the same credentials. It returns how long the pull itself took.
func (i *images) get(ctx context.Context, ref string, auth *runtime.RegistryAuth) (time.Duration, error) {
	id := ref
	if auth != nil {
		id += "\x00" + auth.ServerAddress + "\x00" + auth.Username + "\x00" + auth.Password + "\x00" + auth.IdentityToken
	}
	i.mu.Lock()
	p, running := i.pulls[id]
	if !running {
		p = &pull{done: make(chan struct{})}
		i.pulls[id] = p
	}
	i.mu.Unlock()
	if running {
		select {
		case <-p.done:
			return p.took, p.err
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	p.err = i.pull(ctx, ref, auth, p)
	i.mu.Lock()
	delete(i.pulls, id)
	i.mu.Unlock()
	close(p.done)
	return p.took, p.err
}

func (i *images) pull(ctx context.Context, ref string, auth *runtime.RegistryAuth, p *pull) error {
	select {
	case i.slots <- struct{}{}:
		defer func() { <-i.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_, err := i.engine.InspectImage(ctx, ref)
	present := err == nil
	begun := i.clock.Now()
	if err := i.engine.PullImage(ctx, ref, auth, nil); err != nil {
		return err
	}
	p.took = i.clock.Since(begun)
	i.used(ref)
	if present {
		return nil // someone else may have brought it: never ours to remove
	}
	return i.record(ref)
}

// used notes that an image serves a container.
func (i *images) used(ref string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.lastUse[ref] = i.clock.Now()
}

// record notes, on disk too, that coracle brought the image.
func (i *images) record(ref string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.pulled[ref] {
		return nil
	}
	i.pulled[ref] = true
	return i.save()
}

func (i *images) dropped(ref string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.pulled, ref)
	return i.save()
}

func (i *images) save() error {
	if i.file == "" {
		return nil
	}
	data, err := json.Marshal(sortedKeys(i.pulled))
	if err != nil {
		return fmt.Errorf("record images: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(i.file), 0o755); err != nil {
		return fmt.Errorf("record images: %w", err)
	}
	if err := os.WriteFile(i.file+".new", data, 0o644); err != nil {
		return fmt.Errorf("record images: %w", err)
	}
	if err := os.Rename(i.file+".new", i.file); err != nil {
		return fmt.Errorf("record images: %w", err)
	}
	return nil
}

// ours are the references that coracle pulled, with when each was last used in this run.
func (i *images) ours() map[string]time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	ours := map[string]time.Time{}
	for ref := range i.pulled {
		ours[ref] = i.lastUse[ref]
	}
	return ours
}
