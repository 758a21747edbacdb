package node

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ktesting "k8s.io/client-go/testing"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/memory"
)

// mortal is the engine as seen by an agent that dies at its k-th call that changes something: before that call takes
// effect, or after it but before the answer comes.
type mortal struct {
	runtime.Engine
	mu    sync.Mutex
	left  int
	after bool
	dead  chan struct{}
}

var errDead = fmt.Errorf("the agent is dead: %w", runtime.ErrUnavailable)

// do lets a changing call through while the agent lives.
func (e *mortal) do(call func() error) error {
	e.mu.Lock()
	e.left--
	left := e.left
	e.mu.Unlock()
	switch {
	case left < 0:
		return errDead
	case left > 0:
		return call()
	}
	if e.after {
		_ = call()
	}
	close(e.dead)
	return errDead
}

func (e *mortal) CreateContainer(ctx context.Context, spec runtime.ContainerSpec) (id string, err error) {
	err = e.do(func() error { id, err = e.Engine.CreateContainer(ctx, spec); return err })
	return id, err
}

func (e *mortal) StartContainer(ctx context.Context, id string) error {
	return e.do(func() error { return e.Engine.StartContainer(ctx, id) })
}

func (e *mortal) StopContainer(ctx context.Context, id string, grace time.Duration) error {
	return e.do(func() error { return e.Engine.StopContainer(ctx, id, grace) })
}

func (e *mortal) RemoveContainer(ctx context.Context, id string) error {
	return e.do(func() error { return e.Engine.RemoveContainer(ctx, id) })
}

// Kill -9 of the agent at every step of a Pod's life: the next agent brings it to the same end, with no container started
// twice, none left over, and none restarted.
func TestKilledAtEveryStep(t *testing.T) {
	for _, after := range []bool{false, true} {
		for step := 1; step <= 12; step++ {
			t.Run(fmt.Sprintf("step=%d,after=%v", step, after), func(t *testing.T) {
				t.Parallel()
				m := newMachine(t, "web:v1", "init:v1")
				m.engine.SetScripts(memory.Script{Image: "init:v1", ExitAfter: time.Millisecond})
				engine := &mortal{Engine: m.engine, left: step, after: after, dead: make(chan struct{})}
				died := func() bool {
					select {
					case <-engine.dead:
						return true
					default:
						return false
					}
				}
				a := m.start(func(o *Options) { o.Engine = engine })
				revive := func() {
					if died() && a != nil {
						a.stop()
						a = nil
						m.start()
					}
				}
				m.create(withInit(podOf("web", "web:v1", "web:v1"), "i"))
				m.eventually("ready", func() bool { revive(); return m.ready("web")() })
				want := []string{"k8s_POD_web_default_uid-web_0", "k8s_a_web_default_uid-web_0", "k8s_b_web_default_uid-web_0"}
				if diff := cmp.Diff(want, m.names(runtime.StateRunning)); diff != "" {
					t.Error(diff)
				}
				if got := summary(m.pod("web")); got != "2/2 Running restarts=0" {
					t.Error(got)
				}
				m.delete("web", 5*time.Second)
				m.eventually("gone", func() bool { revive(); return m.pod("web") == nil && len(m.containers()) == 0 })
			})
		}
	}
}

// The API server's data is lost while containers run: a new agent brings its Pods back before its Node, and touches none.
func TestAdoption(t *testing.T) {
	m := newMachine(t, "web:v1")
	first := m.start()
	pod := podOf("web", "web:v1", "web:v1")
	pod.Labels = map[string]string{"app": "web"}
	pod.Annotations = map[string]string{"note": "kept"}
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "rs"}}
	m.create(pod)
	m.create(podOf("solo", "web:v1"))
	m.eventually("ready", func() bool { return m.ready("web")() && m.ready("solo")() })
	before := m.containers()
	first.stop()

	m.client = m.newClient()
	var nodeFirst bool
	m.client.PrependReactor("create", "nodes", func(ktesting.Action) (bool, kruntime.Object, error) {
		for _, name := range []string{"web", "solo"} { // not through the client, which is in this call
			_, err := m.client.Tracker().Get(corev1.SchemeGroupVersion.WithResource("pods"), "default", name)
			nodeFirst = nodeFirst || err != nil
		}
		return false, nil, nil
	})
	second := m.start()
	<-second.Adopted()
	if nodeFirst {
		t.Error("the Node was made before its Pods")
	}
	m.eventually("ready again", func() bool { return m.ready("web")() && m.ready("solo")() })
	if diff := cmp.Diff(before, m.containers()); diff != "" {
		t.Errorf("containers were touched: %s", diff)
	}
	got := m.pod("web")
	want := map[string]string{"note": "kept", AnnotationUID: "uid-web"}
	if !cmp.Equal(got.Annotations, want) || got.Labels["app"] != "web" || len(got.OwnerReferences) > 0 || got.Spec.NodeName != "n1" {
		t.Errorf("adopted as %+v", got.ObjectMeta)
	}
	if _, err := m.client.CoreV1().Namespaces().Get(context.Background(), "default", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	second.stop()
	m.start() // and an agent that comes later knows it by the annotation
	m.eventually("still ready", m.ready("web"))
	if diff := cmp.Diff(before, m.containers()); diff != "" {
		t.Errorf("containers were touched: %s", diff)
	}
}

// An adopted Pod that is deleted takes the containers of its old UID along.
func TestAdoptedPodIsDeleted(t *testing.T) {
	m := newMachine(t, "web:v1")
	first := m.start()
	m.create(podOf("web", "web:v1"))
	m.eventually("ready", m.ready("web"))
	first.stop()
	m.client = m.newClient()
	second := m.start()
	<-second.Adopted()
	m.eventually("ready", m.ready("web"))
	m.delete("web", time.Second)
	m.eventually("gone", func() bool { return m.pod("web") == nil && len(m.containers()) == 0 })
}

// A Pod was deleted while the agent was away, but the API still knows the node: what is left of it goes.
func TestOrphansAreRemoved(t *testing.T) {
	m := newMachine(t, "web:v1")
	first := m.start()
	m.create(podOf("web", "web:v1", "web:v1"))
	m.create(podOf("stays", "web:v1"))
	m.eventually("ready", func() bool { return m.ready("web")() && m.ready("stays")() })
	first.stop()
	if err := m.client.CoreV1().Pods("default").Delete(context.Background(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	m.start()
	m.eventually("orphans go", func() bool { return len(m.containers()) == 1 })
	if got := m.names(runtime.StateRunning); !strings.Contains(got[0], "stays") {
		t.Errorf("left: %v", got)
	}
}

// While the agent runs, the API server comes back empty: nothing is stopped, all is adopted.
func TestEmptiedAPIStopsNothing(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.start()
	m.create(podOf("web", "web:v1"))
	m.eventually("ready", m.ready("web"))
	before := m.containers()
	if err := m.client.CoreV1().Nodes().Delete(context.Background(), "n1", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := m.client.CoreV1().Pods("default").Delete(context.Background(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	m.eventually("adopted", func() bool {
		p := m.pod("web")
		return p != nil && p.Annotations[AnnotationUID] == "uid-web"
	})
	if diff := cmp.Diff(before, m.containers()); diff != "" {
		t.Errorf("containers were touched: %s", diff)
	}
}

// A restart of the agent takes no ready Pod out of service, although no probe has been tried yet.
func TestRestartedAgentTrustsEarlierProbes(t *testing.T) {
	pod := podOf("web", "web:v1")
	pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{}
	c := runtime.Container{ID: "x", Image: "web:v1", State: runtime.StateRunning, Started: dawn, Labels: labels("n1", keyOf(pod), pod, "a", 0)}
	memory := NewMemory()
	memory.Probes["x"] = Probed{Ready: true}
	pod.Status = Status(pod, []runtime.Container{c}, memory, "", dawn)
	v := newView(pod, []runtime.Container{c}, NewMemory())
	probesOf(v, v.of(&pod.Spec.Containers[0], false), "")
	if got := v.memory.Probes["x"]; !got.Ready || !got.Started {
		t.Errorf("remembered: %+v", got)
	}
	pod.Status.ContainerStatuses[0].ContainerID = "docker://another"
	v = newView(pod, []runtime.Container{c}, NewMemory())
	probesOf(v, v.of(&pod.Spec.Containers[0], false), "")
	if got := v.memory.Probes["x"]; got.Ready {
		t.Errorf("trusted another container's probes: %+v", got)
	}
}

// A create whose answer is lost leaves a container with the name: it is used.
func TestLostAnswerIsNoDuplicate(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.engine.SetFaults(memory.Fault{Call: "CreateContainer", Times: 1, After: true, Err: runtime.ErrUnavailable})
	m.start()
	m.create(podOf("web", "web:v1"))
	m.eventually("ready", m.shows("web", "1/1 Running restarts=0"))
	if got := len(m.containers()); got != 1 {
		t.Errorf("%d containers", got)
	}
}

func TestPackIsLossless(t *testing.T) {
	pod := podOf("web", "web:v1", "web:v2")
	pod.Labels = map[string]string{"app": "web"}
	packed, err := pack(pod)
	if err != nil {
		t.Fatal(err)
	}
	c := runtime.Container{Labels: map[string]string{labelPod: packed}}
	got := packedPod(keyOf(pod), []runtime.Container{c})
	want := pod.DeepCopy()
	want.UID = types.UID("uid-web")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "!", "aGVsbG8="} {
		if _, err := unpack(bad); err == nil {
			t.Errorf("unpack %q: no error", bad)
		}
	}
}
