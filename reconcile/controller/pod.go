package controller

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// PodFinished is whether the Pod has succeeded or failed, and so will not run again.
func PodFinished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// PodActive is whether the Pod counts as a replica: not finished, and not being deleted.
func PodActive(pod *corev1.Pod) bool {
	return !PodFinished(pod) && pod.DeletionTimestamp == nil
}

// PodReadySince is when the Pod became ready, and whether it is. The time is zero if its status does not say.
func PodReadySince(pod *corev1.Pod) (time.Time, bool) {
	for i := range pod.Status.Conditions {
		if condition := &pod.Status.Conditions[i]; condition.Type == corev1.PodReady {
			return condition.LastTransitionTime.Time, condition.Status == corev1.ConditionTrue
		}
	}
	return time.Time{}, false
}

// PodAvailable is whether the Pod has been ready for minReadySeconds. If it is ready but not for long enough, wait is the
// rest of that time; otherwise 0.
func PodAvailable(pod *corev1.Pod, minReadySeconds int32, now time.Time) (available bool, wait time.Duration) {
	since, ready := PodReadySince(pod)
	switch {
	case !ready:
		return false, 0
	case minReadySeconds == 0:
		return true, 0
	case since.IsZero():
		return false, 0
	}
	wait = since.Add(time.Duration(minReadySeconds) * time.Second).Sub(now)
	return wait <= 0, max(0, wait)
}
