package disruption

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	budgets "k8s.io/component-helpers/apps/poddisruptionbudget"

	"coracle.dev/coracle/reconcile/controller"
)

// deletionTimeout is how long an evicted Pod may take until it is being deleted.
const deletionTimeout = 2 * time.Minute

// Scale is how many Pods something wants, that is not controlled itself: a Deployment rather than its ReplicaSets.
type Scale struct {
	Of       types.UID
	Replicas int32
}

// Observed is what a budget is about.
type Observed struct {
	Pods []*corev1.Pod // that it selects, in any order
	// Scales are of what controls the Pods, by the UID that a Pod has for its controller.
	Scales map[types.UID]Scale
}

// Event is something to tell of a budget, or of one of its Pods.
type Event struct {
	Pod                   *corev1.Pod // nil for the budget itself
	Type, Reason, Message string
}

// Plan is what to do about one budget.
type Plan struct {
	// Status is what to write, with Events; nil is nothing, and no events.
	Status *policyv1.PodDisruptionBudgetStatus
	Events []Event
	// After is when to decide again, if nothing happens before; 0 is never.
	After time.Duration
}

// Decide counts a budget's Pods.
func Decide(budget *policyv1.PodDisruptionBudget, observed Observed, now time.Time) Plan {
	var plan Plan
	wanted, err := expect(budget, observed)
	if len(observed.Pods) == 0 {
		plan.tell(nil, corev1.EventTypeNormal, "NoPods", "No matching pods found")
	}
	if wanted.unmanaged > 0 {
		plan.tell(nil, corev1.EventTypeWarning, "UnmanagedPods", fmt.Sprintf("Pods selected by this PodDisruptionBudget (selector: %v) were found "+
			"to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. "+
			"To account for these pods please set \".spec.minAvailable\" field of the PDB to an integer value.", budget.Spec.Selector))
	}
	next := budget.DeepCopy()
	if err != nil {
		plan.tell(nil, corev1.EventTypeWarning, "CalculateExpectedPodCountFailed", fmt.Sprintf("Failed to calculate the number of expected pods: %v", err))
		fail(next, err)
	} else {
		disrupted := plan.disrupted(budget, observed.Pods, now)
		healthy := healthy(observed.Pods, disrupted)
		next.Status = policyv1.PodDisruptionBudgetStatus{
			ObservedGeneration: budget.Generation, DisruptedPods: disrupted, CurrentHealthy: healthy,
			DesiredHealthy: wanted.healthy, ExpectedPods: wanted.pods, Conditions: next.Status.Conditions,
		}
		if wanted.pods > 0 { // else the first Pods may come before they are counted
			next.Status.DisruptionsAllowed = max(0, healthy-wanted.healthy)
		}
		budgets.UpdateDisruptionAllowedCondition(next)
	}
	if apiequality.Semantic.DeepEqual(next.Status, budget.Status) {
		plan.Events = nil
		return plan
	}
	plan.Status = &next.Status
	for i := range plan.Status.Conditions { // the clock of who asks counts
		if old := meta.FindStatusCondition(budget.Status.Conditions, plan.Status.Conditions[i].Type); old == nil || old.Status != plan.Status.Conditions[i].Status {
			plan.Status.Conditions[i].LastTransitionTime = metav1.NewTime(now)
		}
	}
	return plan
}

func (p *Plan) tell(pod *corev1.Pod, kind, reason, message string) {
	p.Events = append(p.Events, Event{Pod: pod, Type: kind, Reason: reason, Message: message})
}

// fail allows nothing as long as it is not known what is wanted.
func fail(budget *policyv1.PodDisruptionBudget, err error) {
	budget.Status.DisruptionsAllowed = 0
	meta.SetStatusCondition(&budget.Status.Conditions, metav1.Condition{
		Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policyv1.SyncFailedReason,
		Message: err.Error(), ObservedGeneration: budget.Status.ObservedGeneration,
	})
}

// wanted is how many Pods there should be, and how many of them healthy.
type wanted struct {
	pods, healthy int32
	unmanaged     int // Pods without controller, which no scale counts
}

// expect reads the budget. Of 7 wanted Pods, maxUnavailable 30% is 3 (rounded up) and leaves 4; minAvailable 30% is 3.
func expect(budget *policyv1.PodDisruptionBudget, observed Observed) (wanted, error) {
	least, most := budget.Spec.MinAvailable, budget.Spec.MaxUnavailable
	switch {
	case most != nil:
		want, err := scale(observed)
		if err != nil {
			return want, err
		}
		missing, err := intstr.GetScaledValueFromIntOrPercent(most, int(want.pods), true)
		want.healthy = max(0, want.pods-int32(missing))
		return want, err
	case least != nil && least.Type == intstr.Int:
		return wanted{pods: int32(len(observed.Pods)), healthy: least.IntVal}, nil
	case least != nil:
		want, err := scale(observed)
		if err != nil {
			return want, err
		}
		healthy, err := intstr.GetScaledValueFromIntOrPercent(least, int(want.pods), true)
		want.healthy = int32(healthy)
		return want, err
	}
	return wanted{}, nil
}

// scale adds up what the Pods' controllers want, each once.
func scale(observed Observed) (wanted, error) {
	var want wanted
	seen := map[types.UID]bool{}
	for _, pod := range observed.Pods {
		owner := metav1.GetControllerOfNoCopy(pod)
		if owner == nil {
			want.unmanaged++
			continue
		}
		found, ok := observed.Scales[owner.UID]
		if !ok {
			return want, fmt.Errorf("found no controllers for pod %q", pod.Name)
		}
		if !seen[found.Of] {
			seen[found.Of] = true
			want.pods += found.Replicas
		}
	}
	return want, nil
}

// disrupted are those evicted Pods that are not being deleted yet, and may still come to be.
func (p *Plan) disrupted(budget *policyv1.PodDisruptionBudget, pods []*corev1.Pod, now time.Time) map[string]metav1.Time {
	kept := map[string]metav1.Time{}
	for _, pod := range pods {
		at, evicted := budget.Status.DisruptedPods[pod.Name]
		if !evicted || pod.DeletionTimestamp != nil {
			continue
		}
		left := at.Add(deletionTimeout).Sub(now)
		if left <= 0 {
			p.tell(pod, corev1.EventTypeWarning, "NotDeleted",
				fmt.Sprintf("Pod was expected by PDB %s/%s to be deleted but it wasn't", budget.Namespace, budget.Name))
			continue
		}
		kept[pod.Name] = at
		p.After = controller.Soonest(p.After, left)
	}
	return kept
}

// healthy counts the ready Pods that stay.
func healthy(pods []*corev1.Pod, disrupted map[string]metav1.Time) int32 {
	var count int32
	for _, pod := range pods {
		_, evicted := disrupted[pod.Name]
		if _, ready := controller.PodReadySince(pod); ready && !evicted && pod.DeletionTimestamp == nil {
			count++
		}
	}
	return count
}
