package scheduler

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/reconcile/controller"
)

// stage is a scheduler over a fake API that binds as the real one does.
type stage struct {
	*testing.T
	client *fake.Clientset
	events *record.FakeRecorder
	clock  *clocktesting.FakeClock
}

// play runs a scheduler over the objects until the test ends. refuse, which may be nil, is asked before each binding.
func play(t *testing.T, refuse func(pod string) error, objects ...runtime.Object) stage {
	s := stage{t, fake.NewClientset(objects...), record.NewFakeRecorder(100), clocktesting.NewFakeClock(epoch)}
	s.client.PrependReactor("create", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if action.GetSubresource() != "binding" {
			return false, nil, nil
		}
		binding := action.(clienttesting.CreateAction).GetObject().(*corev1.Binding)
		if refuse != nil {
			if err := refuse(binding.Name); err != nil {
				return true, nil, err
			}
		}
		object, err := s.client.Tracker().Get(corev1.SchemeGroupVersion.WithResource("pods"), binding.Namespace, binding.Name)
		if err != nil {
			return true, nil, err
		}
		bound := object.(*corev1.Pod).DeepCopy()
		bound.Spec.NodeName = binding.Target.Name
		return true, binding, s.client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), bound, binding.Namespace)
	})
	ctx, stop := context.WithCancel(context.Background())
	factory := informers.NewSharedInformerFactory(s.client, 0)
	c := New(controller.Options{Client: s.client, Informers: factory, Recorder: s.events, Clock: s.clock, Logger: zerolog.Nop()})
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
	return s
}

// expect waits for the next event.
func (s stage) expect(want string) {
	s.Helper()
	select {
	case got := <-s.events.Events:
		if got != want {
			s.Fatalf("event\n got  %s\n want %s", got, want)
		}
	case <-time.After(10 * time.Second):
		s.Fatalf("no event; want %s", want)
	}
}

// expectLater waits for the next event while the clock runs: a Pod that was turned away more than once is not tried at once.
func (s stage) expectLater(want string) {
	s.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		select {
		case got := <-s.events.Events:
			if got != want {
				s.Fatalf("event\n got  %s\n want %s", got, want)
			}
			return
		case <-tick.C:
			s.clock.Step(time.Second)
		}
	}
	s.Fatalf("no event; want %s", want)
}

// eventually waits until the Pod is as wanted.
func (s stage) eventually(name, what string, is func(*corev1.Pod) bool) {
	s.Helper()
	ctx, stop := context.WithTimeout(s.Context(), 10*time.Second)
	defer stop()
	watch, err := s.client.CoreV1().Pods("default").Watch(ctx, metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	defer watch.Stop()
	for {
		if p, err := s.client.CoreV1().Pods("default").Get(ctx, name, metav1.GetOptions{}); err == nil && is(p) {
			return
		}
		select {
		case <-watch.ResultChan():
		case <-ctx.Done():
			s.Fatalf("%s: never %s", name, what)
		}
	}
}

func unschedulable(message string) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool {
		c := conditionOf(p, corev1.PodScheduled)
		return c != nil && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable &&
			c.Message == message && c.LastTransitionTime.Time.Equal(epoch)
	}
}

func (s stage) create(objects ...*corev1.Pod) {
	s.Helper()
	for _, object := range objects {
		if _, err := s.client.CoreV1().Pods(object.Namespace).Create(s.Context(), object, metav1.CreateOptions{}); err != nil {
			s.Fatal(err)
		}
	}
}

func TestBinds(t *testing.T) {
	s := play(t, nil, node("a"), pod("p"))
	s.expect("Normal Scheduled Successfully assigned default/p to a")
}

func TestWaitsForWhatHelps(t *testing.T) {
	s := play(t, nil, pod("p", selectNode("type", "AWS")))
	s.expect("Warning FailedScheduling " + NoNodes)
	s.eventually("p", "unschedulable", unschedulable(NoNodes))

	if _, err := s.client.CoreV1().Nodes().Create(t.Context(), node("a"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	missed := "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector." +
		" preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
	s.expect("Warning FailedScheduling " + missed)
	s.eventually("p", "unschedulable", unschedulable(missed))

	if _, err := s.client.CoreV1().Nodes().Update(t.Context(), node("a", nodeLabel("type", "AWS")), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.expectLater("Normal Scheduled Successfully assigned default/p to a")
}

// TestRoomOfTheGone: a Pod that was deleted, or has finished, makes room.
func TestRoomOfTheGone(t *testing.T) {
	taken := pod("q", cpu("4"))
	taken.Spec.NodeName = "a"
	s := play(t, nil, node("a"), taken)
	s.create(pod("p", cpu("3")))
	message := "0/1 nodes are available: 1 Insufficient cpu." + nobody
	s.expect("Warning FailedScheduling " + message)
	done := taken.DeepCopy()
	done.Status.Phase = corev1.PodSucceeded
	if _, err := s.client.CoreV1().Pods("default").UpdateStatus(t.Context(), done, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.expect("Normal Scheduled Successfully assigned default/p to a")

	s.create(pod("r", cpu("4")))
	s.expect("Warning FailedScheduling " + message)
	if err := s.client.CoreV1().Pods("default").Delete(t.Context(), "p", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.expect("Normal Scheduled Successfully assigned default/r to a")
}

// TestLeavesOthersAlone: of four Pods only the last is to be placed, so its event comes first.
func TestLeavesOthersAlone(t *testing.T) {
	finished := pod("b")
	finished.Status.Phase = corev1.PodFailed
	s := play(t, nil, node("a"), pod("a", func(p *corev1.Pod) { p.Spec.SchedulerName = "mine" }), finished,
		pod("c", terminatingSince), pod("d"))
	s.expect("Normal Scheduled Successfully assigned default/d to a")
	if len(s.events.Events) > 0 {
		t.Errorf("another event: %s", <-s.events.Events)
	}
}

func TestSchedulingGates(t *testing.T) {
	gated := pod("p", func(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "wait"}} })
	s := play(t, nil, node("a"), gated)
	s.eventually("p", "gated", func(p *corev1.Pod) bool {
		c := conditionOf(p, corev1.PodScheduled)
		return c != nil && c.Reason == corev1.PodReasonSchedulingGated
	})
	open, err := s.client.CoreV1().Pods("default").Get(t.Context(), "p", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	open.Spec.SchedulingGates = nil
	if _, err := s.client.CoreV1().Pods("default").Update(t.Context(), open, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.expect("Normal Scheduled Successfully assigned default/p to a")
}

// TestRefusedBinding: the node is free for others again.
func TestRefusedBinding(t *testing.T) {
	var refusals atomic.Int32
	s := play(t, func(name string) error {
		if name == "p" && refusals.Add(1) == 1 {
			return errors.New("no")
		}
		return nil
	}, node("a"), pod("p", cpu("4"), priority(1)))
	s.expect("Warning FailedScheduling binding rejected: no")
	s.create(pod("q", cpu("4")))
	s.expect("Normal Scheduled Successfully assigned default/q to a")
}

// TestEvicts for a Pod of a higher priority, and gives it the room.
func TestEvicts(t *testing.T) {
	low := pod("low", cpu("3"))
	low.Spec.NodeName = "a"
	s := play(t, nil, node("a"), low)
	s.create(pod("high", cpu("4"), priority(7)))
	s.expect("Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu.")
	s.expect("Normal Preempted Preempted by pod high on node a")
	s.expect("Normal Scheduled Successfully assigned default/high to a")
	s.eventually("high", "nominated", func(p *corev1.Pod) bool { return p.Status.NominatedNodeName == "a" })
	var wrote []string
	for _, action := range s.client.Actions() {
		if action.GetVerb() != "list" && action.GetVerb() != "watch" && action.GetVerb() != "get" {
			wrote = append(wrote, action.GetVerb()+" "+action.GetSubresource())
		}
	}
	want := []string{"create ", "patch status", "patch status", "delete ", "create binding"}
	if diff := cmp.Diff(want, wrote); diff != "" {
		t.Errorf("writes:\n%s", diff)
	}
}
