package replicaset

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"coracle.dev/coracle/reconcile/controller"
)

// burst is how many Pods one plan creates or deletes at most. The next plan goes on when the watch shows those.
const burst = 500

// Observed is what a ReplicaSet has.
type Observed struct {
	// Pods are those it controls, in any state and order.
	Pods []*corev1.Pod
	// Siblings are the Pods of the other ReplicaSets of its Deployment. They matter only for which Pod goes first.
	Siblings []*corev1.Pod
	// Leaving are Pods whose deletion was accepted, though Pods shows them without deletion timestamp.
	Leaving sets.Set[types.UID]
}

// Plan is what to do, all of it at once.
type Plan struct {
	Create int           // this many Pods from the template
	Delete []*corev1.Pod // the first to go first
	// After is when to decide again, if nothing happens before; 0 is never. By then a Pod will have been ready for
	// minReadySeconds.
	After time.Duration
}

// Decide compares what a ReplicaSet has with what it wants. One that is being deleted wants nothing done: its Pods
// are for the garbage collector.
func Decide(rs *appsv1.ReplicaSet, observed Observed, now time.Time) Plan {
	active := observed.active()
	plan := Plan{After: nextAvailable(active, rs.Spec.MinReadySeconds, now)}
	if rs.DeletionTimestamp != nil {
		return plan
	}
	wanted := replicas(rs)
	switch have := len(active); {
	case have < wanted:
		plan.Create = min(wanted-have, burst)
	case have > wanted:
		plan.Delete = firstToGo(active, observed.Siblings)[:min(have-wanted, burst)]
	}
	return plan
}

// active are the Pods that count as replicas.
func (o Observed) active() []*corev1.Pod {
	active := make([]*corev1.Pod, 0, len(o.Pods))
	for _, pod := range o.Pods {
		if controller.PodActive(pod) && !o.Leaving.Has(pod.UID) {
			active = append(active, pod)
		}
	}
	return active
}

// nextAvailable is how long until the next Pod becomes available by having been ready for long enough; 0 if none will.
func nextAvailable(pods []*corev1.Pod, minReadySeconds int32, now time.Time) time.Duration {
	var next time.Duration
	for _, pod := range pods {
		if _, wait := controller.PodAvailable(pod, minReadySeconds, now); wait > 0 && (next == 0 || wait < next) {
			next = wait
		}
	}
	return next
}

// replicas is how many Pods are wanted; unset is 1, as the API defaults it.
func replicas(rs *appsv1.ReplicaSet) int {
	if rs.Spec.Replicas == nil {
		return 1
	}
	return int(*rs.Spec.Replicas)
}
