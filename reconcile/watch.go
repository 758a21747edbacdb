package reconcile

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"coracle.dev/coracle/reconcile/manifest"
)

// watches hold what is live of all sets: one informer a resource, for all Applications together, of the objects that carry
// the label of any set. They start as kinds appear and stop when no Application uses them.
type watches struct {
	cluster *Cluster
	// changed is called for every change of a member; it must return at once.
	changed func(setID string, change memberChange)

	mu        sync.Mutex
	informers map[resource]*watched
}

// memberChange says what happened to one member of a set.
type memberChange struct {
	key manifest.Key
	// statusOnly says that nothing but the status can have changed.
	statusOnly bool
}

type watched struct {
	informer cache.SharedIndexInformer
	stop     context.CancelFunc
	users    map[string]bool // by set
}

const setIndex = "set"

// use says which resources a set needs, in place of those that it needed before. New ones are started; it returns when
// all are filled. ctx is for the waiting, life for the watches.
func (w *watches) use(ctx, life context.Context, setID string, resources []resource) error {
	w.mu.Lock()
	if w.informers == nil {
		w.informers = map[resource]*watched{}
	}
	needed := map[resource]bool{}
	var waitFor []cache.InformerSynced
	for _, r := range resources {
		needed[r] = true
		if w.informers[r] == nil {
			w.informers[r] = w.start(life, r)
		}
		w.informers[r].users[setID] = true
		waitFor = append(waitFor, w.informers[r].informer.HasSynced)
	}
	for r, one := range w.informers {
		if !needed[r] {
			delete(one.users, setID)
		}
		if len(one.users) == 0 {
			one.stop()
			delete(w.informers, r)
		}
	}
	w.mu.Unlock()

	wait, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if !cache.WaitForCacheSync(wait.Done(), waitFor...) {
		return fmt.Errorf("the API server does not answer the watch of what was applied")
	}
	return nil
}

func (w *watches) start(life context.Context, r resource) *watched {
	informer := dynamicinformer.NewFilteredDynamicInformer(w.cluster.client, r.GroupVersionResource, metav1.NamespaceAll, 0,
		cache.Indexers{setIndex: func(object any) ([]string, error) {
			return []string{object.(metav1.Object).GetLabels()[partOfLabel]}, nil
		}},
		func(options *metav1.ListOptions) { options.LabelSelector = partOfLabel },
	).Informer()
	// This cannot fail on an informer that has not started.
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { w.tell(object, false) },
		UpdateFunc: w.updated,
		DeleteFunc: func(object any) {
			if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = last.Obj
			}
			w.tell(object, false)
		},
	})
	ctx, stop := context.WithCancel(life)
	go informer.Run(ctx.Done())
	return &watched{informer: informer, stop: stop, users: map[string]bool{}}
}

func (w *watches) tell(object any, statusOnly bool) {
	if member, ok := object.(*unstructured.Unstructured); ok {
		w.changed(member.GetLabels()[partOfLabel], memberChange{manifest.KeyOf(member), statusOnly})
	}
}

// updated tells a change of the status, which is frequent and is never drift, from others. Only kinds that count generations
// can be told; metadata is not counted in them.
func (w *watches) updated(before, after any) {
	old, ok := before.(*unstructured.Unstructured)
	fresh, both := after.(*unstructured.Unstructured)
	if !ok || !both || old.GetResourceVersion() == fresh.GetResourceVersion() {
		return
	}
	if old.GetLabels()[partOfLabel] != fresh.GetLabels()[partOfLabel] {
		w.tell(before, false)
	}
	w.tell(after, fresh.GetGeneration() > 0 && old.GetGeneration() == fresh.GetGeneration() &&
		maps.Equal(old.GetLabels(), fresh.GetLabels()) && maps.Equal(old.GetAnnotations(), fresh.GetAnnotations()) &&
		reflect.DeepEqual(old.GetOwnerReferences(), fresh.GetOwnerReferences()) &&
		(old.GetDeletionTimestamp() == nil) == (fresh.GetDeletionTimestamp() == nil))
}

// members gives what the watches know. They must be in use.
func (w *watches) members(_ context.Context, resources []resource, setID string) ([]*unstructured.Unstructured, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []*unstructured.Unstructured
	for _, r := range resources {
		one := w.informers[r]
		if one == nil {
			continue
		}
		objects, err := one.informer.GetIndexer().ByIndex(setIndex, setID)
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			found = append(found, object.(*unstructured.Unstructured))
		}
	}
	return found, nil
}

// release ends the use of all watches by a set.
func (w *watches) release(setID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r, one := range w.informers {
		if delete(one.users, setID); len(one.users) == 0 {
			one.stop()
			delete(w.informers, r)
		}
	}
}

// debounce is how long a change of the cluster is waited upon for more of them.
const debounce = 60 * time.Millisecond
