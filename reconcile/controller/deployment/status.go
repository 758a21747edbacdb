package deployment

import (
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons of the Available condition. Those of Progressing are in progress.go; those of ReplicaFailure come from the ReplicaSet.
const (
	reasonAvailable   = "MinimumReplicasAvailable"
	reasonUnavailable = "MinimumReplicasUnavailable"
)

// status is the Deployment's as the ReplicaSets now tell it, and with the conditions that the plan brings about.
func (r *rollout) status() appsv1.DeploymentStatus {
	status := r.counts()
	conditions := slices.Clone(r.Status.Conditions)
	conditions = r.set(conditions, r.available(status))
	conditions = r.progress(conditions, status)
	conditions = r.failure(conditions)
	// A fixed order, so that describe always shows Available, Progressing, ReplicaFailure.
	slices.SortStableFunc(conditions, func(a, b appsv1.DeploymentCondition) int {
		return strings.Compare(string(a.Type), string(b.Type))
	})
	status.Conditions = conditions
	return status
}

// counts sums what the ReplicaSets report.
func (r *rollout) counts() appsv1.DeploymentStatus {
	status := appsv1.DeploymentStatus{
		ObservedGeneration:  r.Generation,
		CollisionCount:      r.Status.CollisionCount,
		TerminatingReplicas: new(int32),
	}
	var wanted int32
	for _, rs := range r.all() {
		wanted += r.size(rs)
		status.Replicas += rs.Status.Replicas
		status.ReadyReplicas += rs.Status.ReadyReplicas
		status.AvailableReplicas += rs.Status.AvailableReplicas
		if status.TerminatingReplicas != nil && rs.Status.TerminatingReplicas != nil {
			*status.TerminatingReplicas += *rs.Status.TerminatingReplicas
		} else {
			status.TerminatingReplicas = nil // one that does not know makes the sum unknown
		}
	}
	if r.new != nil {
		status.UpdatedReplicas = r.new.Status.Replicas
	}
	if r.create != nil {
		wanted += replicas(r.create)
	}
	status.UnavailableReplicas = max(0, wanted-status.AvailableReplicas)
	return status
}

func (r *rollout) available(status appsv1.DeploymentStatus) appsv1.DeploymentCondition {
	if status.AvailableReplicas >= r.bounds.least {
		return condition(appsv1.DeploymentAvailable, corev1.ConditionTrue, reasonAvailable, "Deployment has minimum availability.")
	}
	return condition(appsv1.DeploymentAvailable, corev1.ConditionFalse, reasonUnavailable, "Deployment does not have minimum availability.")
}

// failure passes on why a ReplicaSet cannot make or remove Pods: the new one first, for it is the one that matters.
func (r *rollout) failure(conditions []appsv1.DeploymentCondition) []appsv1.DeploymentCondition {
	for _, rs := range slices.Backward(r.all()) {
		for _, c := range rs.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure {
				return r.set(conditions, condition(appsv1.DeploymentReplicaFailure, c.Status, c.Reason, c.Message))
			}
		}
	}
	return remove(conditions, appsv1.DeploymentReplicaFailure)
}

func condition(kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason, message string) appsv1.DeploymentCondition {
	return appsv1.DeploymentCondition{Type: kind, Status: status, Reason: reason, Message: message}
}

// set puts a condition in place of its former self, with times: it was updated now, unless it says the same as before;
// it had its transition when its status last changed.
func (r *rollout) set(conditions []appsv1.DeploymentCondition, c appsv1.DeploymentCondition) []appsv1.DeploymentCondition {
	old := find(conditions, c.Type)
	if old != nil && old.Status == c.Status && old.Reason == c.Reason && old.Message == c.Message {
		return conditions
	}
	return r.touch(conditions, c)
}

// touch is set for a condition that was updated now even if it says the same.
func (r *rollout) touch(conditions []appsv1.DeploymentCondition, c appsv1.DeploymentCondition) []appsv1.DeploymentCondition {
	return touch(conditions, c, r.now)
}

func touch(conditions []appsv1.DeploymentCondition, c appsv1.DeploymentCondition, now time.Time) []appsv1.DeploymentCondition {
	c.LastUpdateTime, c.LastTransitionTime = metav1.NewTime(now), metav1.NewTime(now)
	if old := find(conditions, c.Type); old != nil && old.Status == c.Status {
		c.LastTransitionTime = old.LastTransitionTime
	}
	return append(remove(conditions, c.Type), c)
}

func find(conditions []appsv1.DeploymentCondition, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range conditions {
		if conditions[i].Type == kind {
			return &conditions[i]
		}
	}
	return nil
}

func remove(conditions []appsv1.DeploymentCondition, kind appsv1.DeploymentConditionType) []appsv1.DeploymentCondition {
	return slices.DeleteFunc(slices.Clone(conditions), func(c appsv1.DeploymentCondition) bool { return c.Type == kind })
}

// createRefused is the status where the plan's ReplicaSet could not be created.
func createRefused(d *appsv1.Deployment, plan Plan, message string, now time.Time) appsv1.DeploymentStatus {
	status := plan.Status
	if hasDeadline(d) {
		status.Conditions = touch(status.Conditions, condition(appsv1.DeploymentProgressing, corev1.ConditionFalse,
			reasonCreateError, message), now)
	}
	return status
}

// collided is the status where the plan's name was taken by a ReplicaSet of another template or owner: the next hash will
// be another.
func collided(d *appsv1.Deployment) appsv1.DeploymentStatus {
	status := *d.Status.DeepCopy()
	if status.CollisionCount == nil {
		status.CollisionCount = new(int32)
	}
	*status.CollisionCount++
	return status
}

// mayWait is whether two statuses differ only in counts, and in when the rollout last moved: such changes come in bursts.
func mayWait(old, status appsv1.DeploymentStatus) bool {
	return old.ObservedGeneration == status.ObservedGeneration &&
		slices.EqualFunc(old.Conditions, status.Conditions, func(a, b appsv1.DeploymentCondition) bool {
			return a.Type == b.Type && a.Status == b.Status && a.Reason == b.Reason && a.Message == b.Message
		})
}
