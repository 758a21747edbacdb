package apiserver

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// Two ready Pods of one budget that may spare one of them, as its controller would have it.
func TestEvictionAsksTheBudget(t *testing.T) {
	server := newSpace(t)
	client := server.Client()
	pods, budgets := client.CoreV1().Pods(server.namespace), client.PolicyV1().PodDisruptionBudgets(server.namespace)
	start := func(name string, ready corev1.ConditionStatus) {
		t.Helper()
		if _, err := pods.Create(t.Context(), pod(name), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := pods.Bind(t.Context(), &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: name}, Target: corev1.ObjectReference{Name: "n1"}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		bound, err := pods.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		bound.Status.Phase = corev1.PodRunning
		bound.Status.Conditions = append(bound.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: ready})
		if _, err := pods.UpdateStatus(t.Context(), bound, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	evict := func(name string, dryRun ...string) error {
		return pods.EvictV1(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: name}, DeleteOptions: &metav1.DeleteOptions{DryRun: dryRun}})
	}
	wantRefused := func(name, cause string) {
		t.Helper()
		err := evict(name)
		if !apierrors.IsTooManyRequests(err) || err.Error() != "Cannot evict pod as it would violate the pod's disruption budget." {
			t.Fatalf("%s: %v, want too many requests", name, err)
		}
		if found, ok := apierrors.StatusCause(err, policyv1.DisruptionBudgetCause); !ok || found.Message != cause {
			t.Errorf("%s: cause %q, want %q", name, found.Message, cause)
		}
	}
	for _, name := range []string{"a", "b"} {
		start(name, corev1.ConditionTrue)
	}
	start("unready", corev1.ConditionFalse)
	if _, err := pods.Create(t.Context(), pod("pending"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	budget, err := budgets.Create(t.Context(), &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: policyv1.PodDisruptionBudgetSpec{
		MinAvailable: ptr.To(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	budget.Status = policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 1, DisruptionsAllowed: 1, CurrentHealthy: 2, DesiredHealthy: 1, ExpectedPods: 2}
	if _, err := budgets.UpdateStatus(t.Context(), budget, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := evict("a", metav1.DryRunAll); err != nil {
		t.Errorf("dry run: %v", err)
	}
	if err := evict("a"); err != nil {
		t.Fatal(err)
	}
	wantRefused("b", "The disruption budget web needs 1 healthy pods and has 2 currently")
	budget, err = budgets.Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, noted := budget.Status.DisruptedPods["a"]; !noted || len(budget.Status.DisruptedPods) != 1 || budget.Status.DisruptionsAllowed != 0 {
		t.Errorf("after the eviction of a: %+v", budget.Status)
	}
	going, err := pods.Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil || going.DeletionTimestamp == nil {
		t.Fatalf("a: %v, deleted %v", err, going.DeletionTimestamp)
	}
	if last := going.Status.Conditions[len(going.Status.Conditions)-1]; last.Type != corev1.DisruptionTarget || last.Reason != "EvictionByEvictionAPI" {
		t.Errorf("a goes without a reason: %+v", last)
	}
	for _, name := range []string{"a", "unready", "pending"} { // none of which the budget would miss
		if err := evict(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	budget.ObjectMeta = metav1.ObjectMeta{Name: "second"}
	if _, err := budgets.Create(t.Context(), budget, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := evict("b"); err == nil || err.Error() != "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support." {
		t.Errorf("of two budgets: %v", err)
	}
	if err := evict("nobody"); !apierrors.IsNotFound(err) {
		t.Errorf("nobody: %v", err)
	}
}

func TestSpareIsWhatTheBudgetDoesNotCount(t *testing.T) {
	ready, unready := &corev1.Pod{}, &corev1.Pod{}
	ready.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	budget := func(policy policyv1.UnhealthyPodEvictionPolicyType, healthy, desired int32) *policyv1.PodDisruptionBudget {
		return &policyv1.PodDisruptionBudget{
			Spec:   policyv1.PodDisruptionBudgetSpec{UnhealthyPodEvictionPolicy: &policy},
			Status: policyv1.PodDisruptionBudgetStatus{CurrentHealthy: healthy, DesiredHealthy: desired},
		}
	}
	for _, test := range []struct {
		name   string
		pod    *corev1.Pod
		budget *policyv1.PodDisruptionBudget
		want   bool
	}{
		{"ready", ready, budget(policyv1.AlwaysAllow, 3, 1), false},
		{"enough others", unready, budget(policyv1.IfHealthyBudget, 1, 1), true},
		{"too few others", unready, budget(policyv1.IfHealthyBudget, 0, 1), false},
		{"nothing wanted", unready, budget(policyv1.IfHealthyBudget, 0, 0), false},
		{"always", unready, budget(policyv1.AlwaysAllow, 0, 1), true},
	} {
		if got := spare(test.pod, test.budget); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestChargeBudget(t *testing.T) {
	now := time.Unix(0, 0)
	budget := &policyv1.PodDisruptionBudget{Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: 2}}
	budget.Name = "web"
	for _, name := range []string{"a", "b"} {
		if err := chargeBudget(budget, name, now); err != nil {
			t.Fatal(err)
		}
	}
	if condition := budget.Status.Conditions[0]; budget.Status.DisruptionsAllowed != 0 || len(budget.Status.DisruptedPods) != 2 || condition.Status != metav1.ConditionFalse {
		t.Errorf("after two: %+v", budget.Status)
	}
	if err := chargeBudget(budget, "c", now); !apierrors.IsTooManyRequests(err) {
		t.Errorf("a third: %v", err)
	}
	budget.Generation = 1
	err := chargeBudget(budget, "c", now)
	if cause, ok := apierrors.StatusCause(err, policyv1.DisruptionBudgetCause); !ok || cause.Message != "The disruption budget web is still being processed by the server." {
		t.Errorf("before its status is: %v", err)
	}
	budget.Status.ObservedGeneration, budget.Status.DisruptionsAllowed = 1, -1
	refused(t, "negative", chargeBudget(budget, "c", now), "pdb disruptions allowed is negative")
}
