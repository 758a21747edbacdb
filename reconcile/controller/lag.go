package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/cache"
)

// LagCheck is how often a controller that is behind looks again. Events say so sooner, unless a broken watch skipped them.
const LagCheck = time.Second

// Lag remembers what a controller wrote that its informers do not show yet. Without it, a controller that is called
// again before the watch has brought its own writes back would decide on the past: create a second set of Pods, say.
// Nothing in it expires or counts events: it compares revisions, and looks at the cache.
//
// It needs resource versions that can be ordered, as Kubernetes has had since 1.35 and as etcd gives; where a store or an
// object has none, that write is taken as seen. All methods may be called concurrently.
type Lag[K comparable] struct {
	mu      sync.Mutex
	written map[K]map[Store]string
	deleted map[K]sets.Set[types.UID]
}

// Store is the part of an informer's store that Lag reads.
type Store interface {
	// LastStoreSyncResourceVersion is the newest resource version whose object is in the store.
	LastStoreSyncResourceVersion() string
}

var _ Store = cache.Store(nil)

// Wrote notes that owner wrote an object of the store's kind, which has that resource version since.
func (l *Lag[K]) Wrote(owner K, store Store, resourceVersion string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written == nil {
		l.written = map[K]map[Store]string{}
	}
	if l.written[owner] == nil {
		l.written[owner] = map[Store]string{}
	}
	if newest, ok := l.written[owner][store]; !ok || !reached(newest, resourceVersion) {
		l.written[owner][store] = resourceVersion
	}
}

// Behind is whether some store has yet to show what owner wrote. Then there is nothing to decide on: return, and ask
// to be called again after LagCheck. Mostly the event that is waited for comes first.
func (l *Lag[K]) Behind(owner K) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for store, wanted := range l.written[owner] {
		if !reached(store.LastStoreSyncResourceVersion(), wanted) {
			return true
		}
	}
	delete(l.written, owner)
	return false
}

// reached is whether a store at revision have shows the write at revision want.
func reached(have, want string) bool {
	order, err := resourceversion.CompareResourceVersion(have, want)
	return err != nil || order >= 0
}

// Deleted notes that owner has had the object deleted. An API server does not say at which revision that was.
func (l *Lag[K]) Deleted(owner K, uid types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deleted == nil {
		l.deleted = map[K]sets.Set[types.UID]{}
	}
	if l.deleted[owner] == nil {
		l.deleted[owner] = sets.New[types.UID]()
	}
	l.deleted[owner].Insert(uid)
}

// Leaving are the objects that owner has had deleted and that the cache still shows as alive. alive are the UIDs of
// those the cache shows without deletion timestamp; all others are forgotten.
func (l *Lag[K]) Leaving(owner K, alive sets.Set[types.UID]) sets.Set[types.UID] {
	l.mu.Lock()
	defer l.mu.Unlock()
	leaving := l.deleted[owner].Intersection(alive)
	if len(leaving) == 0 {
		delete(l.deleted, owner)
		return nil
	}
	l.deleted[owner] = leaving
	return leaving.Clone()
}

// Forget drops all that is known of owner, once it is gone.
func (l *Lag[K]) Forget(owner K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.written, owner)
	delete(l.deleted, owner)
}
