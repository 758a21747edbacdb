package replicaset

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"coracle.dev/coracle/reconcile/controller"
)

// Reasons of the ReplicaFailure condition, and of events.
const (
	reasonFailedCreate     = "FailedCreate"
	reasonFailedDelete     = "FailedDelete"
	reasonSuccessfulCreate = "SuccessfulCreate"
	reasonSuccessfulDelete = "SuccessfulDelete"
)

// Outcome is how a plan went.
type Outcome struct {
	Created int
	Failure *Failure // nil where all went well
}

// Failure says why Pods are missing or left over.
type Failure struct{ Reason, Message string }

// Status is what to tell of a ReplicaSet after a plan was carried out. observed is what the plan was made from, and
// Leaving in it has the Pods that were deleted since; what was created is counted too, without waiting for the watch.
func Status(rs *appsv1.ReplicaSet, observed Observed, outcome Outcome, now time.Time) appsv1.ReplicaSetStatus {
	created := int32(outcome.Created)
	status := appsv1.ReplicaSetStatus{
		Replicas:             created,
		FullyLabeledReplicas: created,
		TerminatingReplicas:  new(int32),
		ObservedGeneration:   rs.Generation,
		Conditions:           conditions(rs.Status.Conditions, outcome.Failure, now),
	}
	template := labels.SelectorFromSet(rs.Spec.Template.Labels)
	for _, pod := range observed.Pods {
		switch {
		case controller.PodFinished(pod):
		case !controller.PodActive(pod) || observed.Leaving.Has(pod.UID):
			*status.TerminatingReplicas++
		default:
			count(&status, pod, template, rs.Spec.MinReadySeconds, now)
		}
	}
	return status
}

func count(status *appsv1.ReplicaSetStatus, pod *corev1.Pod, template labels.Selector, minReadySeconds int32, now time.Time) {
	status.Replicas++
	if template.Matches(labels.Set(pod.Labels)) {
		status.FullyLabeledReplicas++
	}
	if _, ready := controller.PodReadySince(pod); ready {
		status.ReadyReplicas++
	}
	if available, _ := controller.PodAvailable(pod, minReadySeconds, now); available {
		status.AvailableReplicas++
	}
}

// conditions sets or clears ReplicaFailure and keeps the others. A failure that lasts keeps its first message: the API's
// words hold the name that was generated for the Pod, so they differ with every try.
func conditions(old []appsv1.ReplicaSetCondition, failure *Failure, now time.Time) []appsv1.ReplicaSetCondition {
	at := slices.IndexFunc(old, func(c appsv1.ReplicaSetCondition) bool { return c.Type == appsv1.ReplicaSetReplicaFailure })
	if at >= 0 && failure != nil && old[at].Status == corev1.ConditionTrue && old[at].Reason == failure.Reason {
		return old
	}
	kept := slices.DeleteFunc(slices.Clone(old), func(c appsv1.ReplicaSetCondition) bool {
		return c.Type == appsv1.ReplicaSetReplicaFailure
	})
	if failure == nil {
		return kept
	}
	return append(kept, appsv1.ReplicaSetCondition{
		Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue,
		Reason: failure.Reason, Message: failure.Message, LastTransitionTime: metav1.NewTime(now),
	})
}

// mayWait is whether two statuses differ only in what Pods report of themselves. Such changes come in bursts; all
// others are answers to somebody's change of the ReplicaSet.
func mayWait(old, status appsv1.ReplicaSetStatus) bool {
	return old.Replicas == status.Replicas && old.ObservedGeneration == status.ObservedGeneration &&
		slices.Equal(old.Conditions, status.Conditions)
}
