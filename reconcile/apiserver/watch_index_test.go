package apiserver

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"coracle.dev/coracle/reconcile/api"
)

// TestNodesSeeTheirPods: a node's watch shows a Pod from when it is bound there until it is gone, and no other node's.
func TestNodesSeeTheirPods(t *testing.T) {
	server := newSpace(t)
	pods := server.Client().CoreV1().Pods(server.namespace)
	list, err := pods.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	events, err := pods.Watch(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=a", ResourceVersion: list.ResourceVersion})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Stop()
	for _, nodeName := range []string{"b", "a"} {
		if _, err := pods.Create(t.Context(), pod("on-"+nodeName), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "on-" + nodeName}, Target: corev1.ObjectReference{Name: nodeName}}
		if err := pods.Bind(t.Context(), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	now := int64(0)
	for _, name := range []string{"on-b", "on-a"} {
		if err := pods.Delete(t.Context(), name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []watch.EventType{watch.Added, watch.Deleted} {
		event := <-events.ResultChan()
		for event.Type == watch.Modified { // marked for deletion
			event = <-events.ResultChan()
		}
		seen, ok := event.Object.(*corev1.Pod)
		if !ok || seen.Name != "on-a" || event.Type != want {
			t.Fatalf("got %s of %v, want %s of on-a", event.Type, event.Object, want)
		}
	}
}

// TestWatchIndexesAreFields: an index that is not the field's own value would lose events.
func TestWatchIndexesAreFields(t *testing.T) {
	t.Parallel()
	bound := pod("p")
	bound.Spec.NodeName = "a"
	objects := map[string]runtime.Object{
		"pods": bound, "nodes": &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, "configmaps": configMap("c"),
		"secrets": &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}},
	}
	for _, kind := range api.Kinds() {
		index, indexed := watchIndexes[groupResource(kind)]
		if !indexed {
			continue
		}
		_, set, err := attributes(kind)(objects[kind.Resource])
		if got := index.value(objects[kind.Resource]); err != nil || got == "" || got != set[index.field] {
			t.Errorf("%s: index of %s is %q, field is %q, error %v", kind.Resource, index.field, got, set[index.field], err)
		}
		delete(objects, kind.Resource)
	}
	if len(objects) > 0 {
		t.Errorf("not indexed: %v", objects)
	}
}
