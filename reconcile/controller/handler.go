package controller

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// Handler sees the events of an informer with their types. Funcs that are nil are not called. The objects are the
// informer's own and must not be changed.
type Handler[T metav1.Object] struct {
	Added   func(obj T)
	Updated func(old, obj T)
	Deleted func(obj T)
}

// On calls f for every event: with the new object, or the last state of a deleted one.
func On[T metav1.Object](f func(obj T)) Handler[T] {
	return Handler[T]{Added: f, Updated: func(_, obj T) { f(obj) }, Deleted: f}
}

var _ cache.ResourceEventHandler = Handler[*metav1.ObjectMeta]{}

func (h Handler[T]) OnAdd(obj any, _ bool) {
	if typed, ok := obj.(T); ok && h.Added != nil {
		h.Added(typed)
	}
}

// OnUpdate leaves out resyncs, which bring nothing new. An object deleted and made again under its name while the
// watch was broken is two events.
func (h Handler[T]) OnUpdate(old, obj any) {
	before, ok := old.(T)
	after, okAfter := obj.(T)
	switch {
	case !ok || !okAfter:
	case before.GetUID() != after.GetUID():
		h.OnDelete(old)
		h.OnAdd(obj, false)
	case before.GetResourceVersion() == after.GetResourceVersion() && before.GetResourceVersion() != "":
	case h.Updated != nil:
		h.Updated(before, after)
	}
}

// OnDelete also takes what an informer gives when it missed the event.
func (h Handler[T]) OnDelete(obj any) {
	if missed, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = missed.Obj
	}
	if typed, ok := obj.(T); ok && h.Deleted != nil {
		h.Deleted(typed)
	}
}

// Owners is a handler that calls owner with the key of the controller, of the given kind ("ReplicaSet"), that
// each changed object has or had, and orphan with each object that has no controller when it appears, is released, or gets
// other labels. It does not check that the controller exists, nor its UID: that is for Reconcile.
func Owners[T metav1.Object](kind string, owner func(key cache.ObjectName), orphan func(obj T)) Handler[T] {
	enqueue := func(obj T) bool {
		ref := metav1.GetControllerOfNoCopy(obj)
		if ref != nil && ref.Kind == kind {
			owner(cache.NewObjectName(obj.GetNamespace(), ref.Name))
		}
		return ref != nil
	}
	return Handler[T]{
		Added: func(obj T) {
			if !enqueue(obj) {
				orphan(obj)
			}
		},
		Updated: func(old, obj T) {
			before, after := metav1.GetControllerOfNoCopy(old), metav1.GetControllerOfNoCopy(obj)
			if before != nil && (after == nil || before.UID != after.UID) {
				enqueue(old)
			}
			if !enqueue(obj) && (before != nil || !maps.Equal(old.GetLabels(), obj.GetLabels())) {
				orphan(obj)
			}
		},
		Deleted: func(obj T) { enqueue(obj) },
	}
}

// Selecting calls add with the key of each object of the orphan's namespace whose selector matches the orphan: one of
// them will adopt it.
func Selecting(indexer cache.Indexer, orphan metav1.Object, selectorOf func(obj any) *metav1.LabelSelector, add func(key cache.ObjectName)) {
	set := labels.Set(orphan.GetLabels())
	_ = cache.ListAllByNamespace(indexer, orphan.GetNamespace(), labels.Everything(), func(obj any) {
		selector, err := metav1.LabelSelectorAsSelector(selectorOf(obj)) // one that is wrong is for its owner's Reconcile to report
		if err == nil && selector.Matches(set) {
			add(KeyOf(obj.(metav1.Object)))
		}
	})
}

// KeyOf is the key of an object.
func KeyOf(obj metav1.Object) cache.ObjectName {
	return cache.NewObjectName(obj.GetNamespace(), obj.GetName())
}

// Reference is what an event about the object refers to.
func Reference(obj metav1.Object, kind schema.GroupVersionKind) *corev1.ObjectReference {
	apiVersion, name := kind.ToAPIVersionAndKind()
	return &corev1.ObjectReference{
		APIVersion: apiVersion, Kind: name, Namespace: obj.GetNamespace(), Name: obj.GetName(),
		UID: obj.GetUID(), ResourceVersion: obj.GetResourceVersion(),
	}
}
