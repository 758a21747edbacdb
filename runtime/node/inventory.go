package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"coracle.dev/coracle/runtime"
)

// inventory is what the engine is known to have, by Pod. Hints and listings only mark entries as doubtful; the truth about
// a container is inspected by the worker of its Pod, so that no older answer can overwrite a newer one.
type inventory struct {
	engine runtime.Engine

	mu   sync.Mutex
	pods map[Key]map[string]entry // by container id
}

type entry struct {
	container runtime.Container
	doubtful  bool
}

func newInventory(engine runtime.Engine) *inventory {
	return &inventory{engine: engine, pods: map[Key]map[string]entry{}}
}

// list compares with all that the engine has and returns the Pods where something differs.
func (i *inventory) list(ctx context.Context) ([]Key, error) {
	containers, err := i.engine.ListContainers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	differ := map[Key]bool{}
	present := map[string]bool{}
	for _, c := range containers {
		present[c.ID] = true
		key, ok := keyOfLabels(c.Labels)
		if !ok {
			continue
		}
		if known, ok := i.pods[key][c.ID]; !ok || known.doubtful || known.container.State != c.State {
			i.doubt(key, c)
			differ[key] = true
		}
	}
	for key, entries := range i.pods {
		for id, e := range entries {
			if !present[id] {
				i.doubt(key, e.container)
				differ[key] = true
			}
		}
	}
	keys := make([]Key, 0, len(differ))
	for key := range differ {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.String(), b.String()) })
	return keys, nil
}

// doubt marks an entry, adding it if it is new. The caller holds mu.
func (i *inventory) doubt(key Key, c runtime.Container) {
	if i.pods[key] == nil {
		i.pods[key] = map[string]entry{}
	}
	if known, ok := i.pods[key][c.ID]; ok {
		c = known.container
	}
	i.pods[key][c.ID] = entry{container: c, doubtful: true}
}

// hint takes in one event. It returns the Pod to look at, or false where the event says nothing new.
func (i *inventory) hint(event runtime.Event) (Key, bool) {
	key, ok := keyOfLabels(event.Labels)
	if !ok {
		return Key{}, false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	known, exists := i.pods[key][event.ID]
	switch {
	case !exists && event.Kind == runtime.EventRemoved:
		return Key{}, false
	case exists && !known.doubtful && event.Kind == runtime.EventStarted && known.container.State == runtime.StateRunning:
		return Key{}, false
	}
	i.doubt(key, runtime.Container{ID: event.ID, Labels: event.Labels})
	return key, true
}

// of returns a Pod's containers in full, inspecting those in doubt. Only the Pod's worker calls it.
func (i *inventory) of(ctx context.Context, key Key) ([]runtime.Container, error) {
	i.mu.Lock()
	var known []runtime.Container
	var doubtful []string
	for id, e := range i.pods[key] {
		if e.doubtful {
			doubtful = append(doubtful, id)
			i.pods[key][id] = entry{container: e.container} // a hint from now on puts it in doubt again
			continue
		}
		known = append(known, e.container)
	}
	i.mu.Unlock()
	for n, id := range doubtful {
		c, found, err := i.inspect(ctx, key, id)
		if err != nil {
			i.mu.Lock()
			for _, id := range doubtful[n:] {
				i.doubt(key, runtime.Container{ID: id})
			}
			i.mu.Unlock()
			return nil, err
		}
		if found {
			known = append(known, c)
		}
	}
	return known, nil
}

// inspect brings one entry up to date.
func (i *inventory) inspect(ctx context.Context, key Key, id string) (runtime.Container, bool, error) {
	c, err := i.engine.InspectContainer(ctx, id)
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case errors.Is(err, runtime.ErrNotFound):
		i.drop(key, id)
		return runtime.Container{}, false, nil
	case err != nil:
		return runtime.Container{}, false, fmt.Errorf("inspect container %s: %w", id, err)
	}
	if i.pods[key] == nil {
		i.pods[key] = map[string]entry{}
	}
	i.pods[key][id] = entry{container: c, doubtful: i.pods[key][id].doubtful}
	return c, true, nil
}

// removed takes note of a removal by the Pod's worker.
func (i *inventory) removed(key Key, id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.drop(key, id)
}

func (i *inventory) drop(key Key, id string) {
	delete(i.pods[key], id)
	if len(i.pods[key]) == 0 {
		delete(i.pods, key)
	}
}

// doubtAgain has the Pod's worker inspect a container once more.
func (i *inventory) doubtAgain(key Key, id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if e, ok := i.pods[key][id]; ok {
		i.doubt(key, e.container)
	}
}

// snapshot is what is known of one Pod, without asking the engine.
func (i *inventory) snapshot(key Key) []runtime.Container {
	i.mu.Lock()
	defer i.mu.Unlock()
	var containers []runtime.Container
	for _, e := range i.pods[key] {
		containers = append(containers, e.container)
	}
	return containers
}

// keys of all Pods that have containers.
func (i *inventory) keys() []Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	keys := make([]Key, 0, len(i.pods))
	for key := range i.pods {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// imagesInUse are the references and ids of all images that containers were made from.
func (i *inventory) imagesInUse() map[string]bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	used := map[string]bool{}
	for _, entries := range i.pods {
		for _, e := range entries {
			used[e.container.Image], used[e.container.ImageID] = true, true
		}
	}
	return used
}
