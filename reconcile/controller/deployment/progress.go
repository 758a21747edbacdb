package deployment

import (
	"fmt"
	"math"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Reasons of the Progressing condition.
const (
	reasonCreated          = "NewReplicaSetCreated"
	reasonFound            = "FoundNewReplicaSet"
	reasonUpdated          = "ReplicaSetUpdated"
	reasonComplete         = "NewReplicaSetAvailable"
	reasonDeadlineExceeded = "ProgressDeadlineExceeded"
	reasonPaused           = "DeploymentPaused"
	reasonResumed          = "DeploymentResumed"
	reasonCreateError      = "ReplicaSetCreateError"
)

// hasDeadline is whether a rollout can be late; the largest number means that it cannot.
func hasDeadline(d *appsv1.Deployment) bool {
	return d.Spec.ProgressDeadlineSeconds != nil && *d.Spec.ProgressDeadlineSeconds != math.MaxInt32
}

// progress sets the Progressing condition. Its LastUpdateTime is when the rollout began, resumed or last moved: the
// deadline counts from there.
func (r *rollout) progress(conditions []appsv1.DeploymentCondition, status appsv1.DeploymentStatus) []appsv1.DeploymentCondition {
	if !hasDeadline(r.Deployment) {
		return remove(conditions, appsv1.DeploymentProgressing)
	}
	if r.DeletionTimestamp != nil {
		return conditions
	}
	conditions = r.begun(conditions)
	current := find(conditions, appsv1.DeploymentProgressing)
	if r.create != nil || r.Spec.Paused || current != nil && current.Reason == reasonComplete && status.Replicas == status.UpdatedReplicas {
		return conditions
	}
	switch {
	case r.complete(status):
		return r.set(conditions, r.progressing(corev1.ConditionTrue, reasonComplete, "has successfully progressed."))
	case r.moved(status):
		return r.touch(conditions, r.progressing(corev1.ConditionTrue, reasonUpdated, "is progressing."))
	case current != nil && current.Reason != reasonComplete && r.dueAt(current).Compare(r.now) <= 0:
		return r.set(conditions, r.progressing(corev1.ConditionFalse, reasonDeadlineExceeded, "has timed out progressing."))
	}
	return conditions
}

// begun notes what starts, holds or restarts the clock.
//
// That an old ReplicaSet has become the new one restarts it too: a rollback is a rollout, which may fail like any other,
// and the deadline that the former one missed is not its own.
func (r *rollout) begun(conditions []appsv1.DeploymentCondition) []appsv1.DeploymentCondition {
	current := find(conditions, appsv1.DeploymentProgressing)
	switch {
	case r.Spec.Paused:
		if current == nil || current.Reason != reasonDeadlineExceeded {
			return r.set(conditions, condition(appsv1.DeploymentProgressing, corev1.ConditionUnknown, reasonPaused, "Deployment is paused"))
		}
	case r.create != nil:
		message := fmt.Sprintf("Created new replica set %q", r.create.Name)
		return r.touch(conditions, condition(appsv1.DeploymentProgressing, corev1.ConditionTrue, reasonCreated, message))
	case r.new != nil && (r.found || current == nil):
		message := fmt.Sprintf("Found new replica set %q", r.new.Name)
		return r.touch(conditions, condition(appsv1.DeploymentProgressing, corev1.ConditionTrue, reasonFound, message))
	case current != nil && current.Reason == reasonPaused:
		return r.set(conditions, condition(appsv1.DeploymentProgressing, corev1.ConditionUnknown, reasonResumed, "Deployment is resumed"))
	}
	return conditions
}

// progressing is the condition in the words of the new ReplicaSet, or of the Deployment while there is none.
func (r *rollout) progressing(status corev1.ConditionStatus, reason, how string) appsv1.DeploymentCondition {
	message := fmt.Sprintf("Deployment %q %s", r.Name, how)
	if r.new != nil {
		message = fmt.Sprintf("ReplicaSet %q %s", r.new.Name, how)
	}
	return condition(appsv1.DeploymentProgressing, status, reason, message)
}

// complete is whether all Pods are of the newest template, available, and as many as wanted.
func (r *rollout) complete(status appsv1.DeploymentStatus) bool {
	desired := r.bounds.desired
	return r.new != nil && status.UpdatedReplicas == desired && status.Replicas == desired && status.AvailableReplicas == desired
}

// moved is whether anything got better since the last status: more new Pods, fewer old ones, more ready or available.
func (r *rollout) moved(status appsv1.DeploymentStatus) bool {
	old := r.Status
	return status.UpdatedReplicas > old.UpdatedReplicas ||
		status.Replicas-status.UpdatedReplicas < old.Replicas-old.UpdatedReplicas ||
		status.ReadyReplicas > old.ReadyReplicas || status.AvailableReplicas > old.AvailableReplicas
}

func (r *rollout) dueAt(progressing *appsv1.DeploymentCondition) time.Time {
	return progressing.LastUpdateTime.Add(time.Duration(*r.Spec.ProgressDeadlineSeconds) * time.Second)
}

// deadline is how long until the rollout is late; 0 where it cannot be.
func (r *rollout) deadline(status appsv1.DeploymentStatus) time.Duration {
	current := find(status.Conditions, appsv1.DeploymentProgressing)
	if current == nil || !hasDeadline(r.Deployment) || r.Spec.Paused || r.DeletionTimestamp != nil ||
		current.Reason == reasonComplete || current.Reason == reasonDeadlineExceeded {
		return 0
	}
	return max(time.Millisecond, r.dueAt(current).Sub(r.now))
}
