package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// setConditions sets the node's five conditions, in upstream's words.
func setConditions(status *corev1.PodStatus, v view, now time.Time) {
	set := func(t corev1.PodConditionType, ok bool, reason, message string) {
		setCondition(status, v.pod.Generation, t, ok, reason, message, now)
	}
	set(corev1.PodReadyToStartContainers, v.networkStands(), "", "")

	waiting := v.initialised()
	switch {
	case len(v.pod.Spec.InitContainers) > 0 && status.Phase == corev1.PodSucceeded:
		set(corev1.PodInitialized, true, "PodCompleted", "")
	case len(waiting) > 0:
		set(corev1.PodInitialized, false, "ContainersNotInitialized",
			fmt.Sprintf("containers with incomplete status: [%s]", strings.Join(waiting, " ")))
	default:
		set(corev1.PodInitialized, true, "", "")
	}

	ok, reason, message := containersReady(status, v)
	set(corev1.ContainersReady, ok, reason, message)
	if ok {
		ok, reason, message = gatesReady(status, v.pod)
	}
	set(corev1.PodReady, ok, reason, message)

	if !slices.ContainsFunc(status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodScheduled }) {
		set(corev1.PodScheduled, true, "", "")
	}
}

// networkStands says whether containers could be started in the Pod's network.
func (v view) networkStands() bool {
	if needsSandbox(v.pod) {
		return v.sandboxID() != ""
	}
	return v.anyRunning()
}

func containersReady(status *corev1.PodStatus, v view) (ok bool, reason, message string) {
	switch status.Phase {
	case corev1.PodSucceeded:
		return false, "PodCompleted", ""
	case corev1.PodFailed:
		return false, "PodFailed", ""
	}
	var unready []string
	for i, c := range status.InitContainerStatuses {
		if isSidecar(&v.pod.Spec.InitContainers[i]) && !c.Ready {
			unready = append(unready, c.Name)
		}
	}
	for _, c := range status.ContainerStatuses {
		if !c.Ready {
			unready = append(unready, c.Name)
		}
	}
	if len(unready) > 0 {
		return false, "ContainersNotReady", fmt.Sprintf("containers with unready status: [%s]", strings.Join(unready, " "))
	}
	return true, "", ""
}

func gatesReady(status *corev1.PodStatus, pod *corev1.Pod) (ok bool, reason, message string) {
	var missing []string
	for _, gate := range pod.Spec.ReadinessGates {
		i := slices.IndexFunc(status.Conditions, func(c corev1.PodCondition) bool { return c.Type == gate.ConditionType })
		switch {
		case i < 0:
			missing = append(missing, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", gate.ConditionType))
		case status.Conditions[i].Status != corev1.ConditionTrue:
			missing = append(missing, fmt.Sprintf("the status of pod readiness gate %q is not \"True\", but %v", gate.ConditionType, status.Conditions[i].Status))
		}
	}
	if len(missing) > 0 {
		return false, "ReadinessGatesNotReady", strings.Join(missing, ", ")
	}
	return true, "", ""
}

func setCondition(status *corev1.PodStatus, generation int64, t corev1.PodConditionType, ok bool, reason, message string, now time.Time) {
	condition := corev1.PodCondition{
		Type: t, Status: corev1.ConditionFalse, Reason: reason, Message: message,
		ObservedGeneration: generation, LastTransitionTime: *stamp(now),
	}
	if ok {
		condition.Status = corev1.ConditionTrue
	}
	i := slices.IndexFunc(status.Conditions, func(c corev1.PodCondition) bool { return c.Type == t })
	if i < 0 {
		status.Conditions = append(status.Conditions, condition)
		return
	}
	if status.Conditions[i].Status == condition.Status {
		condition.LastTransitionTime = status.Conditions[i].LastTransitionTime
	}
	condition.LastProbeTime = status.Conditions[i].LastProbeTime
	status.Conditions[i] = condition
}
