package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/memory"
)

// machine is an engine and an API server that agents come and go beside.
type machine struct {
	t      *testing.T
	engine *memory.Engine
	client *fake.Clientset
	dir    string

	mu       sync.Mutex
	watching int // streams of Pods that clients opened
	events   []string
}

func newMachine(t *testing.T, images ...string) *machine {
	m := &machine{t: t, engine: memory.New(memory.Options{NodeName: "n1"}), dir: t.TempDir()}
	for _, image := range images {
		m.engine.AddImage(runtime.Image{Tags: []string{image}})
	}
	m.client = m.newClient()
	return m
}

func (m *machine) newClient(objects ...kruntime.Object) *fake.Clientset {
	client := fake.NewSimpleClientset(objects...)
	client.PrependWatchReactor("pods", func(action ktesting.Action) (bool, watch.Interface, error) {
		w, err := client.Tracker().Watch(action.GetResource(), action.GetNamespace())
		// What was made since the client listed: a real server replays it, the tracker does not.
		list, _ := client.Tracker().List(action.GetResource(), corev1.SchemeGroupVersion.WithKind("Pod"), "")
		for i := range list.(*corev1.PodList).Items {
			w.(*watch.RaceFreeFakeWatcher).Add(&list.(*corev1.PodList).Items[i])
		}
		m.mu.Lock()
		m.watching++
		m.mu.Unlock()
		return true, w, err
	})
	client.PrependReactor("create", "nodes", func(action ktesting.Action) (bool, kruntime.Object, error) {
		if node := action.(ktesting.CreateAction).GetObject().(*corev1.Node); node.Spec.PodCIDR == "" {
			node.Spec.PodCIDR, node.Spec.PodCIDRs = "10.9.0.0/24", []string{"10.9.0.0/24"} // as the server gives one
		}
		return false, nil, nil
	})
	// Spec and status are updated apart, as a real server does; the tracker writes whole objects.
	client.PrependReactor("update", "pods", func(action ktesting.Action) (bool, kruntime.Object, error) {
		update := action.(ktesting.UpdateAction).GetObject().(*corev1.Pod).DeepCopy()
		obj, err := client.Tracker().Get(action.GetResource(), update.Namespace, update.Name)
		if err != nil {
			return true, nil, err
		}
		pod := obj.(*corev1.Pod).DeepCopy()
		if action.GetSubresource() == "status" {
			pod.Status = update.Status
		} else {
			update.Status = pod.Status
			pod = update
		}
		return true, pod, client.Tracker().Update(action.GetResource(), pod, pod.Namespace)
	})
	return client
}

// agent is one run of a Node.
type agent struct {
	*Node
	stop func()
}

// start runs an agent and waits until it follows the API.
func (m *machine) start(options ...func(*Options)) *agent {
	m.t.Helper()
	m.mu.Lock()
	before := m.watching
	m.mu.Unlock()
	a := m.run(options...)
	m.eventually("the agent watches Pods", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.watching > before
	})
	return a
}

func (m *machine) options(options ...func(*Options)) Options {
	o := Options{
		Name: "n1", Engine: m.engine, Client: m.client, DataDir: m.dir, TmpfsDir: m.dir + "/tmpfs",
		InternalIP: "192.0.2.1", Version: "v1.37.2", Logger: zerolog.New(zerolog.NewTestWriter(m.t)).Level(zerolog.WarnLevel),
		Recorder: &recorder{m: m},
	}
	for _, option := range options {
		option(&o)
	}
	return o
}

// run runs an agent until it is stopped.
func (m *machine) run(options ...func(*Options)) *agent {
	m.t.Helper()
	n, err := New(m.options(options...))
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := n.Run(ctx); err != nil {
			m.t.Error(err)
		}
	}()
	a := &agent{Node: n, stop: sync.OnceFunc(func() { cancel(); <-done })}
	m.t.Cleanup(a.stop)
	return a
}

// recorder keeps events as lines.
type recorder struct {
	record.EventRecorder
	m *machine
}

func (r *recorder) Event(object kruntime.Object, kind, reason, message string) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	r.m.events = append(r.m.events, fmt.Sprintf("%s %s %s", kind, reason, message))
}

func (m *machine) recorded(line string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.events, func(e string) bool { return strings.Contains(e, line) })
}

// eventually waits for a condition that other goroutines bring about.
func (m *machine) eventually(what string, ok func() bool) {
	m.t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			m.t.Fatalf("%s: not within a minute\n%s", what, m.describe())
		}
		<-tick.C
	}
}

func (m *machine) describe() string {
	var out strings.Builder
	pods, _ := m.client.CoreV1().Pods("").List(context.Background(), metav1.ListOptions{})
	for _, p := range pods.Items {
		fmt.Fprintf(&out, "pod %s: %s\n", p.Name, summary(&p))
	}
	for _, c := range m.containers() {
		fmt.Fprintf(&out, "container %s %s\n", c.Name, c.State)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return out.String() + strings.Join(m.events, "\n")
}

func (m *machine) containers() []runtime.Container {
	cs, err := m.engine.ListContainers(context.Background())
	if err != nil {
		return nil
	}
	slices.SortFunc(cs, func(a, b runtime.Container) int { return strings.Compare(a.Name, b.Name) })
	return cs
}

func (m *machine) names(state runtime.State) []string {
	var names []string
	for _, c := range m.containers() {
		if c.State == state {
			names = append(names, c.Name)
		}
	}
	return names
}

func (m *machine) pod(name string) *corev1.Pod {
	p, err := m.client.CoreV1().Pods("default").Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		return nil
	}
	return p
}

func (m *machine) create(pod *corev1.Pod) {
	m.t.Helper()
	pod.Spec.NodeName = "n1"
	if _, err := m.client.CoreV1().Pods(pod.Namespace).Create(context.Background(), pod, metav1.CreateOptions{}); err != nil {
		m.t.Fatal(err)
	}
}

// delete marks a Pod as a real API server does.
func (m *machine) delete(name string, grace time.Duration) {
	m.t.Helper()
	p := m.pod(name)
	until, seconds := metav1.NewTime(time.Now().Add(grace)), int64(grace/time.Second)
	p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &until, &seconds
	if _, err := m.client.CoreV1().Pods("default").Update(context.Background(), p, metav1.UpdateOptions{}); err != nil {
		m.t.Fatal(err)
	}
}

// podOf is a Pod of containers named a, b, … of these images.
func podOf(name string, images ...string) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name)},
		Spec:       corev1.PodSpec{RestartPolicy: corev1.RestartPolicyAlways},
	}
	for i, image := range images {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: string(rune('a' + i)), Image: image})
	}
	return pod
}

func (m *machine) ready(name string) func() bool {
	return func() bool {
		p := m.pod(name)
		return p != nil && isTrue(p, corev1.PodReady)
	}
}

func isTrue(pod *corev1.Pod, t corev1.PodConditionType) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == t && c.Status == corev1.ConditionTrue
	})
}

func (m *machine) shows(name, text string) func() bool {
	return func() bool {
		p := m.pod(name)
		return p != nil && strings.Contains(summary(p), text)
	}
}
