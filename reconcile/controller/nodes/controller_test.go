package nodes

import (
	"fmt"
	"slices"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/controllertest"
)

// stage is a controller over a fake API with the nodes "lost" and "other", of which only the second goes on renewing its Lease.
type stage struct {
	*testing.T
	*controllertest.API
	clock      *clocktesting.FakeClock
	events     *record.FakeRecorder
	controller *Controller
}

func play(t *testing.T, objects ...runtime.Object) stage {
	clock := clocktesting.NewFakeClock(epoch)
	s := stage{T: t, API: controllertest.New(t, clock), clock: clock}
	stale := metav1.NewMicroTime(epoch.Add(-time.Hour))
	for i, object := range append(objects, node("lost", "True", ""), node("other", "True", ""),
		&coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: "lost"}, Spec: coordinationv1.LeaseSpec{RenewTime: &stale},
		},
		&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: "other"}}) {
		object.(metav1.Object).SetResourceVersion(fmt.Sprint(i + 1))
		if err := s.Client.Tracker().Add(object); err != nil {
			t.Fatal(err)
		}
	}
	s.events = controllertest.Run(t, s.API, clock, func(o controller.Options) controllertest.Runner {
		s.controller = New(Options{Options: o})
		return s.controller
	})
	return s
}

// until lets time pass, five seconds at once, after each of which the other node is heard, until ok; it returns the seconds
// since the epoch.
func (s stage) until(what string, ok func() bool) int {
	s.Helper()
	leases := s.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	controllertest.Eventually(s.T, func() (bool, string) {
		if ok() {
			return true, ""
		}
		lease, err := leases.Get(s.Context(), "other", metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		renewed := metav1.NewMicroTime(s.clock.Now())
		lease.Spec.RenewTime = &renewed
		if _, err := leases.Update(s.Context(), lease, metav1.UpdateOptions{}); err != nil {
			return false, err.Error()
		}
		now := s.clock.Now()
		controllertest.Eventually(s.T, func() (bool, string) {
			return s.controller.heard.last("other").Equal(now), "the other node is not heard"
		})
		s.clock.Step(5 * time.Second)
		return false, what
	})
	return int(s.clock.Since(epoch).Seconds())
}

func (s stage) node(name string) *corev1.Node {
	s.Helper()
	n, err := s.Client.CoreV1().Nodes().Get(s.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return n
}

// pod is nil once it is gone.
func (s stage) pod(name string) *corev1.Pod {
	s.Helper()
	p, err := s.Client.CoreV1().Pods("ns").Get(s.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		s.Fatal(err)
	}
	return p
}

func ready(p *corev1.Pod) bool {
	_, is := controller.PodReadySince(p)
	return is
}

func disruption(p *corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.DisruptionTarget {
			return c.Reason
		}
	}
	return ""
}

func TestLostAndBack(t *testing.T) {
	s := play(t, pod("p", tolerate("", seconds(300))), pod("elsewhere", func(p *corev1.Pod) { p.Spec.NodeName = "other" }))
	passed := s.until("the node is never lost", func() bool {
		return len(s.node("lost").Spec.Taints) == 2 && !ready(s.pod("p"))
	})
	if passed < 40 {
		t.Errorf("lost after %d s", passed)
	}
	if left := s.until("the Pod never leaves", func() bool { return s.pod("p").DeletionTimestamp != nil }); left < 340 {
		t.Errorf("evicted after %d s", left)
	}
	if p := s.pod("p"); disruption(p) != "DeletionByTaintManager" {
		t.Errorf("conditions: %v", p.Status.Conditions)
	}
	back := s.node("lost")
	for i := range back.Status.Conditions {
		back.Status.Conditions[i].Status = corev1.ConditionFalse
		if back.Status.Conditions[i].Type == corev1.NodeReady {
			back.Status.Conditions[i].Status = corev1.ConditionTrue
			back.Status.Conditions[i].LastHeartbeatTime = metav1.NewTime(s.clock.Now())
		}
	}
	if _, err := s.Client.CoreV1().Nodes().UpdateStatus(t.Context(), back, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.until("the taints never go", func() bool { return len(s.node("lost").Spec.Taints) == 0 })
	if other := s.node("other"); summary(other) != "Ready=True | " || !ready(s.pod("elsewhere")) {
		t.Errorf("the other node: %s", summary(other))
	}
	events := controllertest.Events(s.events)
	for _, want := range []string{
		"Normal NodeNotReady Node lost status is now: NodeNotReady", "Warning NodeNotReady Node is not ready",
		"Normal TaintManagerEviction Marking for deletion Pod ns/p",
	} {
		if !slices.Contains(events, want) {
			t.Errorf("no event %q in %q", want, events)
		}
	}
}

// TestGoneNode: the Pods of a node that was deleted go by force, but not at once.
func TestGoneNode(t *testing.T) {
	cordoned := node("cordoned", "True", "")
	cordoned.Spec.Unschedulable = true
	s := play(t, pod("p"), cordoned)
	// The taint is written by the controller, so that its informer shows it means that the watch has begun: the fake API
	// would lose what happens between list and watch.
	s.until("cordoned is never seen tainted", func() bool {
		n, err := s.controller.lister.Get("cordoned")
		return err == nil && len(n.Spec.Taints) == 1
	})
	begun := int(s.clock.Since(epoch).Seconds())
	if err := s.Client.CoreV1().Nodes().Delete(t.Context(), "lost", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	var forced bool
	passed := s.until("the Pod is never removed", func() bool {
		for _, action := range s.Client.Actions() {
			deletion, is := action.(interface{ GetDeleteOptions() metav1.DeleteOptions })
			forced = forced || is && action.GetResource().Resource == "pods" && *deletion.GetDeleteOptions().GracePeriodSeconds == 0
		}
		return forced
	})
	if p := s.pod("p"); passed-begun < 40 || disruption(p) != "DeletionByPodGC" || p.Status.Phase != corev1.PodFailed {
		t.Errorf("after %d s: %s, %v", passed, p.Status.Phase, p.Status.Conditions)
	}
}

// TestUserTaintCountsFromWhenItIsSeen, not from when the process began.
func TestUserTaintCountsFromWhenItIsSeen(t *testing.T) {
	s := play(t, pod("p", tolerate("mine", seconds(60)), func(p *corev1.Pod) { p.Spec.NodeName = "other" }))
	s.until("no time passes", func() bool { return s.clock.Since(epoch) >= 100*time.Second })
	other := s.node("other")
	other.Spec.Taints = []corev1.Taint{{Key: "mine", Effect: corev1.TaintEffectNoExecute}}
	if _, err := s.Client.CoreV1().Nodes().Update(t.Context(), other, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if left := s.until("the Pod never leaves", func() bool { return s.pod("p").DeletionTimestamp != nil }); left < 160 {
		t.Errorf("evicted after %d s", left)
	}
}
