package api

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

var podColumns = []metav1.TableColumnDefinition{
	nameColumn,
	column("Ready", "string", "How many of the containers are ready."),
	column("Status", "string", "What the containers are doing, in one word."),
	column("Restarts", "string", "How often containers were restarted, and how long ago the last time was."),
	ageColumn,
	wide("IP", "string", "The Pod's address."),
	wide("Node", "string", "The node that has the Pod."),
	wide("Nominated Node", "string", "The node that makes room for the Pod."),
	wide("Readiness Gates", "string", "How many of the readiness gates are true."),
}

func podRow(pod *corev1.Pod, now time.Time) []any {
	s := summarizePod(pod)
	restarts := strconv.Itoa(s.restarts)
	if s.restarts != 0 && !s.lastRestart.IsZero() {
		restarts = fmt.Sprintf("%d (%s ago)", s.restarts, duration.HumanDuration(now.Sub(s.lastRestart)))
	}
	ip := ""
	if len(pod.Status.PodIPs) > 0 {
		ip = pod.Status.PodIPs[0].IP
	}
	return []any{
		pod.Name, fmt.Sprintf("%d/%d", s.ready, len(pod.Spec.Containers)), s.status, restarts, age(pod.CreationTimestamp, now),
		cmp.Or(ip, none), cmp.Or(pod.Spec.NodeName, none), cmp.Or(pod.Status.NominatedNodeName, none), readinessGates(pod),
	}
}

// none is what kubectl prints for what is not there.
const none = "<none>"

func readinessGates(pod *corev1.Pod) string {
	if len(pod.Spec.ReadinessGates) == 0 {
		return none
	}
	open := 0
	for _, gate := range pod.Spec.ReadinessGates {
		if condition := podCondition(pod, gate.ConditionType); condition != nil && condition.Status == corev1.ConditionTrue {
			open++
		}
	}
	return fmt.Sprintf("%d/%d", open, len(pod.Spec.ReadinessGates))
}

// podSummary is what the columns Ready, Status and Restarts say. The rules are those of `kubectl get pods`.
type podSummary struct {
	ready, restarts int
	lastRestart     time.Time
	status          string
}

// summarizePod lets the most specific word win: phase, then the Pod's own reason, then what its init containers or else
// its containers do, then that it is being deleted.
func summarizePod(pod *corev1.Pod) podSummary {
	s := podSummary{status: cmp.Or(pod.Status.Reason, string(pod.Status.Phase))}
	if scheduled := podCondition(pod, corev1.PodScheduled); scheduled != nil && scheduled.Reason == corev1.PodReasonSchedulingGated {
		s.status = corev1.PodReasonSchedulingGated
	}
	initializing := s.addInitContainers(pod)
	if initialized := podCondition(pod, corev1.PodInitialized); !initializing ||
		initialized != nil && initialized.Status == corev1.ConditionTrue {
		s.restarts, s.lastRestart = 0, time.Time{} // those of init containers no longer matter
		s.addContainers(pod)
	}
	ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	switch {
	case pod.DeletionTimestamp == nil:
	case pod.Status.Reason == "NodeLost":
		s.status = "Unknown"
	case !ended:
		s.status = "Terminating"
	}
	return s
}

// addInitContainers says whether one of them has not succeeded yet; that one gives the status.
func (s *podSummary) addInitContainers(pod *corev1.Pod) (initializing bool) {
	for i, status := range pod.Status.InitContainerStatuses {
		s.addRestarts(status)
		terminated, waiting := status.State.Terminated, status.State.Waiting
		switch {
		case terminated != nil && terminated.ExitCode == 0:
			continue
		case terminated != nil:
			s.status = "Init:" + terminationReason(terminated)
		case waiting != nil && waiting.Reason != "" && waiting.Reason != "PodInitializing":
			s.status = "Init:" + waiting.Reason
		default:
			s.status = fmt.Sprintf("Init:%d/%d", i, len(pod.Spec.InitContainers))
		}
		return true
	}
	return false
}

// addContainers goes from the last to the first, so that the first container's trouble is what is shown.
func (s *podSummary) addContainers(pod *corev1.Pod) {
	running := false
	for i := len(pod.Status.ContainerStatuses) - 1; i >= 0; i-- {
		status := pod.Status.ContainerStatuses[i]
		s.addRestarts(status)
		switch state := status.State; {
		case state.Waiting != nil && state.Waiting.Reason != "":
			s.status = state.Waiting.Reason
		case state.Terminated != nil:
			s.status = terminationReason(state.Terminated)
		case status.Ready && state.Running != nil:
			running = true
			s.ready++
		}
	}
	if s.status == "Completed" && running { // one has ended, another serves on
		s.status = "NotReady"
		if ready := podCondition(pod, corev1.PodReady); ready != nil && ready.Status == corev1.ConditionTrue {
			s.status = "Running"
		}
	}
}

func (s *podSummary) addRestarts(status corev1.ContainerStatus) {
	s.restarts += int(status.RestartCount)
	if last := status.LastTerminationState.Terminated; last != nil && last.FinishedAt.After(s.lastRestart) {
		s.lastRestart = last.FinishedAt.Time
	}
}

func terminationReason(t *corev1.ContainerStateTerminated) string {
	switch {
	case t.Reason != "":
		return t.Reason
	case t.Signal != 0:
		return fmt.Sprintf("Signal:%d", t.Signal)
	default:
		return fmt.Sprintf("ExitCode:%d", t.ExitCode)
	}
}

// podCondition is the condition of that type, or nil.
func podCondition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}
