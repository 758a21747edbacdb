package namespace

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	metafake "k8s.io/client-go/metadata/fake"
	"k8s.io/client-go/metadata/metadatainformer"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/reconcile/controller"
)

// stage is a controller over a fake API in which deleted Pods stay, marked, until the test removes them.
type stage struct {
	*testing.T
	typed    *fake.Clientset
	metadata *metafake.FakeMetadataClient
	clock    *clocktesting.FakeClock

	mu    sync.Mutex
	wrote []string
	news  chan struct{}
}

func meta(kind, name string, finalizers ...string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Finalizers: finalizers},
	}
}

func terminating(finalizers ...corev1.FinalizerName) *corev1.Namespace {
	return &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: "ns", DeletionTimestamp: &metav1.Time{Time: time.Unix(1, 0)}},
		Spec:       corev1.NamespaceSpec{Finalizers: finalizers},
	}
}

func play(t *testing.T, refuse map[string]error, namespace *corev1.Namespace, contents ...runtime.Object) *stage {
	scheme := metafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	s := &stage{
		T: t, typed: fake.NewClientset(namespace), metadata: metafake.NewSimpleMetadataClient(scheme, contents...),
		clock: clocktesting.NewFakeClock(time.Unix(60, 0)), news: make(chan struct{}, 100),
	}
	s.metadata.PrependReactor("delete-collection", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		resource := action.GetResource()
		if err := refuse[resource.Resource]; err != nil {
			return true, nil, err
		}
		err := s.empty(resource)
		s.note("empty " + resource.Resource)
		return true, nil, err
	})
	s.typed.PrependReactor("*", "namespaces", func(action clienttesting.Action) (bool, runtime.Object, error) {
		switch action.GetSubresource() {
		case "status":
			object := action.(clienttesting.UpdateAction).GetObject().(*corev1.Namespace)
			for _, c := range object.Status.Conditions {
				if c.Status == corev1.ConditionTrue {
					s.note(c.Message)
				}
			}
		case "finalize":
			err := s.typed.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("namespaces"), "", "ns")
			if err == nil { // a second one, before the informer shows the first, finds nothing
				s.note("finalize")
			}
			return true, nil, err
		}
		return false, nil, nil
	})
	ctx, stop := context.WithCancel(context.Background())
	factory, metaFactory := informers.NewSharedInformerFactory(s.typed, 0), metadatainformer.NewSharedInformerFactory(s.metadata, 0)
	c := New(Options{
		Options:  controller.Options{Client: s.typed, Informers: factory, Clock: s.clock, Logger: zerolog.Nop()},
		Metadata: s.metadata,
		Sources: []Source{
			{configMaps, metaFactory.ForResource(configMaps).Informer()},
			{podsV1, metaFactory.ForResource(podsV1).Informer()},
			{corev1.SchemeGroupVersion.WithResource("events"), nil},
		},
	})
	factory.Start(ctx.Done())
	metaFactory.Start(ctx.Done())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx, 2) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		factory.Shutdown()
		metaFactory.Shutdown()
	})
	return s
}

func (s *stage) empty(resource schema.GroupVersionResource) error {
	objects, err := s.metadata.Tracker().List(resource, schema.GroupVersionKind{Group: "fake-metadata-client-group", Version: "v1"}, "ns")
	if err != nil {
		return err
	}
	for _, item := range objects.(*metav1.List).Items {
		object := item.Object.(*metav1.PartialObjectMetadata)
		if resource != podsV1 {
			err = errors.Join(err, s.metadata.Tracker().Delete(resource, "ns", object.Name))
			continue
		}
		object.DeletionTimestamp = &metav1.Time{Time: time.Unix(60, 0)}
		err = errors.Join(err, s.metadata.Tracker().Update(resource, object, "ns"))
	}
	return err
}

func (s *stage) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrote = append(s.wrote, line)
	s.news <- struct{}{}
}

// did waits until all this has been done, and nothing else.
func (s *stage) did(want ...string) {
	s.Helper()
	deadline := time.After(10 * time.Second)
	for range want {
		select {
		case <-s.news:
		case <-deadline:
			s.Fatalf("only %q", s.wrote)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(want, s.wrote); diff != "" {
		s.Fatal(diff)
	}
	s.wrote = nil
}

// TestEmpties needs no clock: what goes is heard of.
func TestEmpties(t *testing.T) {
	s := play(t, nil, terminating("kubernetes"), meta("Pod", "p", "hold"), meta("ConfigMap", "c"))
	s.did("empty pods",
		"Some resources are remaining: configmaps. has 1 resource instances, pods. has 1 resource instances",
		"Some content in the namespace has finalizers remaining: hold in 1 resource instances")
	if err := s.metadata.Tracker().Delete(podsV1, "ns", "p"); err != nil {
		t.Fatal(err)
	}
	s.did("empty configmaps", "Some resources are remaining: configmaps. has 1 resource instances", "finalize")
}

// TestUnheard: what no informer watches is looked at again soon.
func TestUnheard(t *testing.T) {
	s := play(t, nil, terminating("kubernetes"), meta("Event", "e"))
	s.did("empty events", "Some resources are remaining: events. has 1 resource instances")
	deadline := time.After(10 * time.Second)
	for tick := time.Tick(time.Millisecond); ; {
		select {
		case <-s.news:
			s.news <- struct{}{}
			s.did("finalize")
			return
		case <-tick:
			s.clock.Step(lookSoon)
		case <-deadline:
			t.Fatal("never looked again")
		}
	}
}

func TestFailureIsReported(t *testing.T) {
	s := play(t, map[string]error{"configmaps": errors.New("disk full")}, terminating("kubernetes"), meta("ConfigMap", "c"))
	s.did("Failed to delete all resource types, 1 remaining: delete configmaps: disk full",
		"Some resources are remaining: configmaps. has 1 resource instances")
}

// TestLeaving: an active namespace is left alone, and so is one that waits for somebody else.
func TestLeaving(t *testing.T) {
	active := terminating("kubernetes")
	active.DeletionTimestamp = nil
	for _, c := range []struct {
		namespace *corev1.Namespace
		want      bool
	}{{active, false}, {terminating("somebody"), false}, {terminating("somebody", "kubernetes"), true}} {
		if got := leaving(c.namespace); got != c.want {
			t.Errorf("finalizers %v: %v", c.namespace.Spec.Finalizers, got)
		}
	}
}
