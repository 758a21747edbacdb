package garbage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata/fake"
	"k8s.io/client-go/metadata/metadatainformer"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/reconcile/controller"
)

var (
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	replicaSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	pods        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	nodes       = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	kindOf      = map[schema.GroupVersionResource]string{deployments: "Deployment", replicaSets: "ReplicaSet", pods: "Pod", nodes: "Node"}
)

// stage is a collector over a fake API that checks preconditions.
type stage struct {
	*testing.T
	client *fake.FakeMetadataClient
	events *record.FakeRecorder
	clock  *clocktesting.FakeClock

	mu    sync.Mutex
	wrote []string
	news  chan struct{}
	stale map[string]bool // names whose next deletion finds another resource version
}

func meta(resource schema.GroupVersionResource, name string, owners ...metav1.OwnerReference) *metav1.PartialObjectMetadata {
	namespace := "ns"
	if resource == nodes {
		namespace = ""
	}
	return &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: resource.GroupVersion().String(), Kind: kindOf[resource]},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID("uid-" + name), ResourceVersion: "7", OwnerReferences: owners,
		},
	}
}

func ownedBy(resource schema.GroupVersionResource, name string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{
		APIVersion: resource.GroupVersion().String(), Kind: kindOf[resource], Name: name, UID: types.UID("uid-" + name), BlockOwnerDeletion: &yes,
	}
}

// play runs a collector over the objects until the test ends. It returns once the collector has seen them all, which the
// deletion of one more Pod shows. The first deletion of the stale one meets a conflict.
func play(t *testing.T, stale string, objects ...runtime.Object) *stage {
	objects = append(objects, meta(pods, "first", ownedBy(nodes, "gone")))
	scheme := fake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	s := &stage{
		T: t, client: fake.NewSimpleMetadataClient(scheme, objects...), events: record.NewFakeRecorder(10),
		clock: clocktesting.NewFakeClock(time.Unix(0, 0)),
		news:  make(chan struct{}, 100), stale: map[string]bool{stale: true},
	}
	s.client.PrependReactor("*", "*", s.react)
	ctx, stop := context.WithCancel(context.Background())
	factory := metadatainformer.NewSharedInformerFactory(s.client, 0)
	options := Options{
		Options: controller.Options{
			Recorder: s.events, Clock: s.clock, Logger: zerolog.Nop(),
		},
		Metadata: s.client,
	}
	for resource, kind := range kindOf {
		options.Sources = append(options.Sources, Source{
			GroupVersionResource: resource, Kind: kind, Namespaced: resource != nodes, Informer: factory.ForResource(resource).Informer(),
		})
	}
	c := New(options)
	factory.Start(ctx.Done())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx, 2) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		factory.Shutdown()
	})
	s.eventually("delete first Background")
	return s
}

// react notes what is asked, and refuses a deletion on the wrong conditions.
func (s *stage) react(action clienttesting.Action) (bool, runtime.Object, error) {
	var line string
	var err error
	switch action := action.(type) {
	case clienttesting.DeleteActionImpl:
		options := action.GetDeleteOptions()
		line = fmt.Sprintf("delete %s %s", action.Name, *options.PropagationPolicy)
		if string(*options.Preconditions.UID) != "uid-"+action.Name || *options.Preconditions.ResourceVersion != "7" {
			s.Errorf("delete %s on %v", action.Name, options.Preconditions)
		}
		if s.isStale(action.Name) {
			line, err = line+" conflict", apierrors.NewConflict(action.GetResource().GroupResource(), action.Name, fmt.Errorf("stale"))
		}
	case clienttesting.PatchActionImpl:
		var patch struct{ Metadata map[string]json.RawMessage }
		if err := json.Unmarshal(action.GetPatch(), &patch); err != nil {
			s.Errorf("patch %s: %v", action.Name, err)
		}
		line = fmt.Sprintf("patch %s owners %s finalizers %s", action.Name, patch.Metadata["ownerReferences"], patch.Metadata["finalizers"])
	case clienttesting.GetActionImpl:
		line = "get " + action.Name
	default:
		return false, nil, nil
	}
	s.mu.Lock()
	s.wrote = append(s.wrote, line)
	s.mu.Unlock()
	s.news <- struct{}{}
	return err != nil, nil, err
}

func (s *stage) isStale(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.stale[name]
	delete(s.stale, name)
	return is
}

// eventually waits for a call.
func (s *stage) eventually(want string) {
	s.Helper()
	for !slices.Contains(s.calls(), want) {
		select {
		case <-s.news:
		case <-time.After(10 * time.Second):
			s.Fatalf("no %s in %v", want, s.calls())
		}
	}
}

// step moves the clock until the call comes.
func (s *stage) step(want string) {
	s.Helper()
	deadline := time.After(10 * time.Second)
	for tick := time.Tick(time.Millisecond); !slices.Contains(s.calls(), want); {
		select {
		case <-tick:
			s.clock.Step(time.Second)
		case <-deadline:
			s.Fatalf("no %s in %v", want, s.calls())
		}
	}
}

func (s *stage) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.wrote)
}

// did waits for the last of the calls, and compares all but those before play returned, sorted.
func (s *stage) did(want ...string) {
	s.Helper()
	s.eventually(want[len(want)-1])
	got := slices.DeleteFunc(s.calls(), func(line string) bool { return line == "get gone" || line == "delete first Background" })
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		s.Fatal(diff)
	}
}

func (s *stage) gone(resource schema.GroupVersionResource, namespace, name string) {
	s.Helper()
	if err := s.client.Tracker().Delete(resource, namespace, name); err != nil {
		s.Fatal(err)
	}
}

// TestBackground needs no GET: the watch shows each owner go.
func TestBackground(t *testing.T) {
	s := play(t, "", meta(deployments, "web"), meta(replicaSets, "web-1", ownedBy(deployments, "web")),
		meta(pods, "web-1-a", ownedBy(replicaSets, "web-1")), meta(pods, "bare"))
	s.gone(deployments, "ns", "web")
	s.did("delete web-1 Background", "delete web-1-a Background")
}

func TestClusterScopedOwner(t *testing.T) {
	s := play(t, "", meta(nodes, "n"), meta(pods, "p", ownedBy(nodes, "n")))
	s.gone(nodes, "", "n")
	s.did("delete p Background")
}

func TestOwnerThatWasNeverThere(t *testing.T) {
	s := play(t, "", meta(pods, "p", ownedBy(replicaSets, "never")))
	s.did("get never", "delete p Background")
}

func TestOwnerUnderAnotherUID(t *testing.T) {
	replaced := meta(replicaSets, "web")
	replaced.UID = "uid-new"
	s := play(t, "", replaced, meta(pods, "p", ownedBy(replicaSets, "web")))
	s.did("get web", "delete p Background")
}

// TestUnverifiableOwnerProtects has one owner of a kind that is not served, and one that a Node cannot have.
func TestUnverifiableOwnerProtects(t *testing.T) {
	foreign := ownedBy(deployments, "x")
	foreign.APIVersion = "example.com/v1"
	s := play(t, "", meta(deployments, "d"), meta(pods, "p", foreign, ownedBy(deployments, "d")), meta(nodes, "n", ownedBy(deployments, "d")),
		meta(pods, "q", ownedBy(deployments, "d")))
	s.gone(deployments, "ns", "d")
	s.did("delete q Background")
}

func TestOwnerInAnotherNamespace(t *testing.T) {
	elsewhere := meta(replicaSets, "web")
	elsewhere.Namespace = "other"
	s := play(t, "", elsewhere, meta(pods, "p", ownedBy(replicaSets, "web")))
	s.did("get web", "delete p Background")
	want := `Warning OwnerRefInvalidNamespace ownerRef [ReplicaSet.apps, namespace: ns, name: web, uid: uid-web] does not exist in namespace "ns"`
	if got := <-s.events.Events; !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestForeground(t *testing.T) {
	now := metav1.Now()
	d := meta(deployments, "f")
	d.DeletionTimestamp, d.Finalizers = &now, []string{"mine", metav1.FinalizerDeleteDependents}
	s := play(t, "", d, meta(replicaSets, "f-1", ownedBy(deployments, "f")))
	s.did("delete f-1 Background", "get f", `patch f owners  finalizers ["mine"]`)
}

func TestOrphan(t *testing.T) {
	now := metav1.Now()
	d := meta(deployments, "o")
	d.DeletionTimestamp, d.Finalizers = &now, []string{metav1.FinalizerOrphanDependents}
	s := play(t, "", d, meta(replicaSets, "o-1", ownedBy(deployments, "o")))
	s.did("get o-1", "patch o-1 owners [] finalizers ", "get o", "patch o owners  finalizers []")
}

func TestDropsOwnersThatAreGone(t *testing.T) {
	s := play(t, "", meta(deployments, "a"), meta(deployments, "b"), meta(replicaSets, "r", ownedBy(deployments, "a"), ownedBy(deployments, "b")))
	s.gone(deployments, "ns", "a")
	s.did("get r", `patch r owners [{"apiVersion":"apps/v1","kind":"Deployment","name":"b","uid":"uid-b","blockOwnerDeletion":true}] finalizers `)
}

// TestStaleDeletion: what changed since it was decided on is decided on again.
func TestStaleDeletion(t *testing.T) {
	s := play(t, "p", meta(replicaSets, "r"), meta(pods, "p", ownedBy(replicaSets, "r")))
	s.gone(replicaSets, "ns", "r")
	s.eventually("delete p Background conflict")
	s.step("delete p Background")
}
