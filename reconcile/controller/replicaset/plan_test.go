package replicaset

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"pgregory.net/rapid"
)

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func replicaSet(replicas int32) *appsv1.ReplicaSet {
	labels := map[string]string{"app": "web"}
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "uid-web", Generation: 4},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:v1"}}},
			},
		},
	}
}

// podOf is a running, ready Pod on node a, made and ready an hour ago; changes make it another.
func podOf(name string, changes ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-" + name),
			Labels: map[string]string{"app": "web"}, CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))},
		Spec: corev1.PodSpec{NodeName: "a"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-time.Hour))}}},
	}
	for _, change := range changes {
		change(pod)
	}
	return pod
}

func on(node string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.NodeName = node }
}

func phase(phase corev1.PodPhase) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Phase = phase }
}

func unready(p *corev1.Pod)     { p.Status.Conditions[0].Status = corev1.ConditionFalse }
func terminating(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: now} }

func readyFor(d time.Duration) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(now.Add(-d)) }
}

func aged(d time.Duration) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(now.Add(-d)) }
}

func cost(value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Annotations = map[string]string{annotationDeletionCost: value} }
}

func restarted(times int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 1}, {RestartCount: times}}
	}
}

// TestFirstToGo lists Pods in the order they go; each differs from those after it in one rule, and loses on all others.
func TestFirstToGo(t *testing.T) {
	dear := cost("9")
	want := []*corev1.Pod{
		podOf("unassigned", on(""), dear),
		podOf("pending", phase(corev1.PodPending), dear),
		podOf("unknown", phase(corev1.PodUnknown), dear),
		podOf("unready-cheap", unready, cost("-5")),
		podOf("unready", unready, dear),
		podOf("cheap", cost("-1"), on("b")),
		podOf("cost-not-a-number", cost("dear"), readyFor(time.Minute), aged(2*time.Hour)), // so 0
		podOf("crowded", readyFor(time.Hour)),
		podOf("ready-1m", on("b"), readyFor(time.Minute), aged(9*time.Hour)),
		podOf("restarted-8", on("b"), restarted(8), aged(9*time.Hour)),
		podOf("restarted-2", on("b"), restarted(2), aged(9*time.Hour)),
		podOf("young", on("b"), restarted(1), aged(time.Minute)),
		podOf("twin-a", on("b"), restarted(1)),
		podOf("twin-b", on("b"), restarted(1)),
	}
	siblings := []*corev1.Pod{
		podOf("s1"), podOf("s2"), podOf("s3"),
		podOf("gone", on("b"), terminating), podOf("done", on("b"), phase(corev1.PodSucceeded)),
	}
	rapid.Check(t, func(t *rapid.T) {
		shuffled := rapid.Permutation(slices.Clone(want)).Draw(t, "pods")
		if diff := cmp.Diff(names(want), names(firstToGo(shuffled, siblings))); diff != "" {
			t.Fatalf("order (-want +got):\n%s", diff)
		}
	})
}

func names(pods []*corev1.Pod) []string {
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	return names
}

func TestDecide(t *testing.T) {
	deleted := replicaSet(3)
	deleted.DeletionTimestamp = &metav1.Time{Time: now}
	many := make([]*corev1.Pod, 1200)
	for i := range many {
		many[i] = podOf(fmt.Sprintf("p%04d", i))
	}
	slow := replicaSet(2)
	slow.Spec.MinReadySeconds = 60
	unset := replicaSet(0)
	unset.Spec.Replicas = nil
	for _, test := range []struct {
		about    string
		rs       *appsv1.ReplicaSet
		observed Observed
		create   int
		remove   int
		after    time.Duration
	}{
		{"nothing there", replicaSet(3), Observed{}, 3, 0, 0},
		{"unset is 1", unset, Observed{}, 1, 0, 0},
		{"as wanted", replicaSet(2), Observed{Pods: many[:2]}, 0, 0, 0},
		{"too many", replicaSet(2), Observed{Pods: many[:5]}, 0, 3, 0},
		{"finished and terminating ones don't count", replicaSet(2), Observed{Pods: []*corev1.Pod{
			podOf("a"), podOf("b", phase(corev1.PodFailed)), podOf("c", phase(corev1.PodSucceeded)), podOf("d", terminating)}}, 1, 0, 0},
		{"nor do those that we have had deleted", replicaSet(2), Observed{Pods: many[:2], Leaving: sets.New(many[0].UID)}, 1, 0, 0},
		{"500 at most are created", replicaSet(2000), Observed{}, 500, 0, 0},
		{"500 at most are deleted", replicaSet(0), Observed{Pods: many}, 0, 500, 0},
		{"being deleted", deleted, Observed{Pods: many[:1]}, 0, 0, 0},
		{"the next to become available", slow, Observed{Pods: []*corev1.Pod{
			podOf("a", readyFor(10*time.Second)), podOf("b", readyFor(25*time.Second)), podOf("c", unready)}}, 0, 1, 35 * time.Second},
	} {
		plan := Decide(test.rs, test.observed, now)
		if plan.Create != test.create || len(plan.Delete) != test.remove || plan.After != test.after {
			t.Errorf("%s: creates %d, deletes %d, again after %v; want %d, %d, %v",
				test.about, plan.Create, len(plan.Delete), plan.After, test.create, test.remove, test.after)
		}
	}
}

func TestStatus(t *testing.T) {
	rs := replicaSet(5)
	rs.Spec.MinReadySeconds = 60
	foreign := appsv1.ReplicaSetCondition{Type: "Foreign", Status: corev1.ConditionTrue}
	rs.Status.Conditions = []appsv1.ReplicaSetCondition{foreign}
	two := int32(2)
	observed := Observed{Leaving: sets.New[types.UID]("uid-leaving"), Pods: []*corev1.Pod{
		podOf("available"), podOf("ready", readyFor(time.Second)), podOf("unready", unready),
		podOf("relabelled", func(p *corev1.Pod) { p.Labels = map[string]string{} }),
		podOf("terminating", terminating), podOf("leaving"),
		podOf("failed", phase(corev1.PodFailed)), podOf("failed-terminating", phase(corev1.PodFailed), terminating),
	}}
	want := appsv1.ReplicaSetStatus{
		Replicas: 6, FullyLabeledReplicas: 5, ReadyReplicas: 3, AvailableReplicas: 2, TerminatingReplicas: &two,
		ObservedGeneration: 4, Conditions: []appsv1.ReplicaSetCondition{foreign},
	}
	if diff := cmp.Diff(want, Status(rs, observed, Outcome{Created: 2}, now)); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestReplicaFailureComesStaysAndGoes(t *testing.T) {
	rs := replicaSet(5)
	failure := func(reason, message string) *Failure { return &Failure{reason, message} }
	for i, step := range []struct {
		failure *Failure
		want    string
	}{
		{failure(reasonFailedCreate, "exceeded quota"), "FailedCreate: exceeded quota, since 0s"},
		{failure(reasonFailedCreate, "exceeded quota, said with another Pod's name"), "FailedCreate: exceeded quota, since 0s"},
		{failure(reasonFailedDelete, "timeout"), "FailedDelete: timeout, since 2s"},
		{nil, ""},
	} {
		rs.Status = Status(rs, Observed{}, Outcome{Failure: step.failure}, now.Add(time.Duration(i)*time.Second))
		var got []string
		for _, c := range rs.Status.Conditions {
			got = append(got, fmt.Sprintf("%s: %s, since %v", c.Reason, c.Message, c.LastTransitionTime.Sub(now)))
		}
		if joined := strings.Join(got, "; "); joined != step.want {
			t.Errorf("step %d: %q, want %q", i, joined, step.want)
		}
	}
}

// TestAnyPods checks plans for any mixture of Pods.
func TestAnyPods(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs := replicaSet(rapid.Int32Range(0, 10).Draw(t, "replicas"))
		var observed Observed
		observed.Leaving = sets.New[types.UID]()
		for i := range rapid.IntRange(0, 15).Draw(t, "pods") {
			pod := podOf(fmt.Sprintf("p%02d", i), on(rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "node")),
				phase(rapid.SampledFrom([]corev1.PodPhase{"Pending", "Running", "Running", "Failed", "Succeeded"}).Draw(t, "phase")))
			if pod.Spec.NodeName == "" || pod.Status.Phase != corev1.PodRunning || rapid.Bool().Draw(t, "unready") {
				unready(pod)
			}
			switch rapid.IntRange(0, 5).Draw(t, "going") {
			case 0:
				terminating(pod)
			case 1:
				observed.Leaving.Insert(pod.UID)
			}
			observed.Pods = append(observed.Pods, pod)
		}
		plan := Decide(rs, observed, now)
		if plan.Create > 0 && len(plan.Delete) > 0 {
			t.Fatalf("creates %d and deletes %d", plan.Create, len(plan.Delete))
		}
		shuffled := observed
		shuffled.Pods = rapid.Permutation(slices.Clone(observed.Pods)).Draw(t, "order")
		if diff := cmp.Diff(plan, Decide(rs, shuffled, now)); diff != "" {
			t.Fatalf("another order gives another plan:\n%s", diff)
		}

		before := Status(rs, observed, Outcome{}, now)
		observed.Leaving = observed.Leaving.Clone()
		for _, pod := range plan.Delete {
			observed.Leaving.Insert(pod.UID)
		}
		after := Status(rs, observed, Outcome{Created: plan.Create}, now)
		if int(after.Replicas) != replicas(rs) {
			t.Fatalf("%d Pods after the plan, want %d", after.Replicas, replicas(rs))
		}
		if lost := before.ReadyReplicas - after.ReadyReplicas; lost > 0 && after.Replicas != after.ReadyReplicas {
			t.Fatalf("%d ready Pods deleted, though %d unready ones are left", lost, after.Replicas-after.ReadyReplicas)
		}
		for i := range plan.Create {
			observed.Pods = append(observed.Pods, podOf(fmt.Sprintf("new%d", i)))
		}
		if again := Decide(rs, observed, now); again.Create != 0 || len(again.Delete) != 0 {
			t.Fatalf("acts again: %+v", again)
		}
	})
}

func TestNewPod(t *testing.T) {
	rs := replicaSet(1)
	rs.Annotations = map[string]string{"coracle.dev/commit": "1a2b3c4d", "kubernetes.io/change-cause": "stays"}
	rs.Spec.Template.Annotations = map[string]string{"a": "b"}
	rs.Spec.Template.Finalizers = []string{"x/y"}
	yes := true
	owner := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "uid-web", Controller: &yes, BlockOwnerDeletion: &yes}
	want := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", GenerateName: "web-", Labels: map[string]string{"app": "web"},
			Annotations: map[string]string{"a": "b", "coracle.dev/commit": "1a2b3c4d"}, Finalizers: []string{"x/y"},
			OwnerReferences: []metav1.OwnerReference{owner},
		},
		Spec: rs.Spec.Template.Spec,
	}
	if diff := cmp.Diff(want, newPod(rs, owner)); diff != "" {
		t.Errorf("Pod (-want +got):\n%s", diff)
	}
	if len(rs.Spec.Template.Annotations) != 1 {
		t.Errorf("the template was stamped: %v", rs.Spec.Template.Annotations)
	}
}
