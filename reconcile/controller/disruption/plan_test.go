package disruption

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// pods are made of one word each: "ready", "unready", "leaving" (and ready), "bare" (and ready).
func podsOf(owner types.UID, words ...string) []*corev1.Pod {
	var pods []*corev1.Pod
	for i, word := range words {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: fmt.Sprintf("%s-%d", owner, i)}}
		status := corev1.ConditionTrue
		if word == "unready" {
			status = corev1.ConditionFalse
		}
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
		if word == "leaving" {
			pod.DeletionTimestamp = &metav1.Time{Time: now}
		}
		if word != "bare" {
			pod.OwnerReferences = []metav1.OwnerReference{{UID: owner, Controller: ptr.To(true)}}
		}
		pods = append(pods, pod)
	}
	return pods
}

func budgetOf(least, most string) *policyv1.PodDisruptionBudget {
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", Generation: 3}}
	if least != "" {
		budget.Spec.MinAvailable = ptr.To(intstr.Parse(least))
	}
	if most != "" {
		budget.Spec.MaxUnavailable = ptr.To(intstr.Parse(most))
	}
	return budget
}

func line(status *policyv1.PodDisruptionBudgetStatus) string {
	return fmt.Sprintf("allowed %d, healthy %d/%d of %d", status.DisruptionsAllowed, status.CurrentHealthy, status.DesiredHealthy, status.ExpectedPods)
}

func reasons(events []Event) string {
	var words []string
	for _, event := range events {
		words = append(words, event.Reason)
	}
	return strings.Join(words, " ")
}

func TestDecide(t *testing.T) {
	scales := map[types.UID]Scale{"a": {Of: "d", Replicas: 7}, "b": {Of: "d", Replicas: 7}, "c": {Of: "c", Replicas: 3}}
	ready := func(n int) []string { return strings.Fields(strings.Repeat("ready ", n)) }
	for name, test := range map[string]struct {
		least, most string
		pods        []*corev1.Pod
		want        string
		events      string
	}{
		"number":              {"2", "", podsOf("a", ready(3)...), "allowed 1, healthy 3/2 of 3", ""},
		"number, of bare":     {"1", "", podsOf("a", "bare", "bare"), "allowed 1, healthy 2/1 of 2", ""},
		"unready":             {"2", "", podsOf("a", "ready", "ready", "unready", "leaving"), "allowed 0, healthy 2/2 of 4", ""},
		"percent rounds up":   {"30%", "", podsOf("a", ready(7)...), "allowed 4, healthy 7/3 of 7", ""},
		"unavailable":         {"", "2", podsOf("a", ready(7)...), "allowed 2, healthy 7/5 of 7", ""},
		"unavailable percent": {"", "30%", podsOf("a", ready(7)...), "allowed 3, healthy 7/4 of 7", ""},
		"all may go":          {"", "100%", podsOf("a", ready(2)...), "allowed 2, healthy 2/0 of 7", ""},
		"rollout":             {"", "1", append(podsOf("a", ready(4)...), podsOf("b", ready(4)...)...), "allowed 2, healthy 8/6 of 7", ""},
		"two controllers":     {"", "1", append(podsOf("a", ready(7)...), podsOf("c", ready(3)...)...), "allowed 1, healthy 10/9 of 10", ""},
		"too few":             {"9", "", podsOf("a", ready(2)...), "allowed 0, healthy 2/9 of 2", ""},
		"none":                {"", "1", nil, "allowed 0, healthy 0/0 of 0", "NoPods"},
		"none wanted":         {"0", "", nil, "allowed 0, healthy 0/0 of 0", "NoPods"},
		"bare":                {"", "1", podsOf("a", "bare", "ready"), "allowed 0, healthy 2/6 of 7", "UnmanagedPods"},
		"no bound":            {"", "", podsOf("a", "ready"), "allowed 0, healthy 1/0 of 0", ""},
	} {
		budget := budgetOf(test.least, test.most)
		plan := Decide(budget, Observed{Pods: test.pods, Scales: scales}, now)
		if plan.Status == nil {
			t.Errorf("%s: no status", name)
			continue
		}
		if got := line(plan.Status); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
		if got := reasons(plan.Events); got != test.events {
			t.Errorf("%s: events %q, want %q", name, got, test.events)
		}
		if plan.Status.ObservedGeneration != 3 || plan.Status.Conditions[0].ObservedGeneration != 3 || !plan.Status.Conditions[0].LastTransitionTime.Time.Equal(now) {
			t.Errorf("%s: generation %d, conditions %+v", name, plan.Status.ObservedGeneration, plan.Status.Conditions)
		}
		if allowed := plan.Status.Conditions[0].Status == metav1.ConditionTrue; allowed != (plan.Status.DisruptionsAllowed > 0) {
			t.Errorf("%s: condition %+v", name, plan.Status.Conditions[0])
		}
	}
}

func TestWhatIsNotKnownIsNotAllowed(t *testing.T) {
	budget := budgetOf("", "1")
	budget.Status = policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: 1, CurrentHealthy: 5}
	plan := Decide(budget, Observed{Pods: podsOf("gone", "ready")}, now)
	if plan.Status == nil || plan.Status.DisruptionsAllowed != 0 || plan.Status.CurrentHealthy != 5 || reasons(plan.Events) != "CalculateExpectedPodCountFailed" {
		t.Fatalf("%+v", plan)
	}
	if condition := plan.Status.Conditions[0]; condition.Reason != "SyncFailed" || condition.Message != `found no controllers for pod "gone-0"` {
		t.Errorf("%+v", condition)
	}
}

func TestEvictedPodsDoNotCount(t *testing.T) {
	budget := budgetOf("1", "")
	pods := podsOf("a", "ready", "ready", "ready", "leaving")
	budget.Status.DisruptedPods = map[string]metav1.Time{
		"a-0": {Time: now.Add(-time.Minute)}, "a-1": {Time: now.Add(-3 * time.Minute)}, "a-3": {Time: now}, "gone": {Time: now},
	}
	plan := Decide(budget, Observed{Pods: pods}, now)
	if got := line(plan.Status); got != "allowed 1, healthy 2/1 of 4" {
		t.Error(got)
	}
	if _, kept := plan.Status.DisruptedPods["a-0"]; !kept || len(plan.Status.DisruptedPods) != 1 {
		t.Errorf("disrupted: %v", plan.Status.DisruptedPods)
	}
	if plan.After != time.Minute {
		t.Errorf("after %s, want when a-0 should be gone", plan.After)
	}
	if reasons(plan.Events) != "NotDeleted" || plan.Events[0].Pod != pods[1] || plan.Events[0].Message != "Pod was expected by PDB ns/web to be deleted but it wasn't" {
		t.Errorf("%+v", plan.Events)
	}
}

// Whatever Pods there are: evicting as many as are allowed leaves enough healthy ones, and a plan that was carried out is followed by none.
func TestAnyBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom([]string{"ready", "unready", "leaving", "bare"}), 0, 12).Draw(t, "pods")
		bound := rapid.SampledFrom([]string{"0", "1", "3", "0%", "25%", "60%", "100%"}).Draw(t, "bound")
		budget := budgetOf(bound, "")
		if rapid.Bool().Draw(t, "unavailable") {
			budget = budgetOf("", bound)
		}
		pods := podsOf("a", words...)
		observed := Observed{Pods: pods, Scales: map[types.UID]Scale{"a": {Of: "a", Replicas: rapid.Int32Range(0, 12).Draw(t, "replicas")}}}
		plan := Decide(budget, observed, now)
		if plan.Status == nil {
			t.Fatal("a new budget gets no status")
		}
		budget.Status = *plan.Status
		observed.Pods = rapid.Permutation(pods).Draw(t, "order")
		if again := Decide(budget, observed, now); again.Status != nil || again.Events != nil {
			t.Fatalf("not done: %+v", again)
		}
		left := plan.Status.DisruptionsAllowed
		if left < 0 {
			t.Fatalf("allowed %d", left)
		}
		budget.Status.DisruptedPods = map[string]metav1.Time{}
		for _, pod := range pods {
			if pod.DeletionTimestamp == nil && pod.Status.Conditions[0].Status == corev1.ConditionTrue && left > 0 {
				budget.Status.DisruptedPods[pod.Name] = metav1.NewTime(now)
				left--
			}
		}
		after := Decide(budget, observed, now)
		if after.Status != nil && plan.Status.DisruptionsAllowed > 0 && after.Status.CurrentHealthy < after.Status.DesiredHealthy {
			t.Fatalf("%d evictions leave %s", plan.Status.DisruptionsAllowed, line(after.Status))
		}
	})
}
