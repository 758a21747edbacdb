package node

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/runtime"
)

// Status is what the API is told of a Pod: its present status, with all that the node knows better put in place. What others
// wrote there (qosClass, conditions of theirs) is kept. hostIP is the node's address. The arguments are not changed.
func Status(pod *corev1.Pod, seen []runtime.Container, memory *Memory, hostIP string, now time.Time) corev1.PodStatus {
	v := newView(pod, seen, memory)
	status := *pod.Status.DeepCopy()
	status.ObservedGeneration = pod.Generation
	if status.StartTime == nil {
		status.StartTime = stamp(now)
	}
	setAddresses(&status, v, hostIP)
	status.InitContainerStatuses = v.statuses(pod.Spec.InitContainers, true, now)
	status.ContainerStatuses = v.statuses(pod.Spec.Containers, false, now)
	if !isFinished(pod) {
		setPhase(&status, v, now)
	}
	setConditions(&status, v, now)
	return status
}

// stamp is a time as the API keeps it, to the second.
func stamp(t time.Time) *metav1.Time {
	m := metav1.NewTime(t.Truncate(time.Second))
	return &m
}

func setAddresses(status *corev1.PodStatus, v view, hostIP string) {
	if hostIP != "" {
		status.HostIP = hostIP
		status.HostIPs = []corev1.HostIP{{IP: hostIP}}
	}
	ip := v.podIP()
	if v.pod.Spec.HostNetwork {
		ip = hostIP
	}
	if ip != "" {
		status.PodIP = ip
		status.PodIPs = []corev1.PodIP{{IP: ip}}
	}
}

// podIP is the address that the newest holder of the Pod's network has, once it has run.
func (v view) podIP() string {
	ip := ""
	for _, c := range v.all {
		if c.Labels[runtime.LabelIP] != "" && c.State != runtime.StateCreated {
			ip = c.Labels[runtime.LabelIP]
		}
	}
	return ip
}

// setPhase follows upstream: Pending until every container has run once, then Running until all have ended for good.
func setPhase(status *corev1.PodStatus, v view, now time.Time) {
	if phase, over := v.over(); over {
		if !v.anyRunning() {
			status.Phase = phase
		}
		return
	}
	if reason, message, doomed := v.doomed(now); doomed {
		if !v.anyRunning() {
			status.Phase = corev1.PodFailed
		}
		status.Reason, status.Message = reason, message
		return
	}
	if v.pod.DeletionTimestamp != nil {
		setPhaseOfDeleted(status, v)
		return
	}
	status.Phase = corev1.PodPending
	if len(v.initialised()) > 0 {
		return
	}
	for _, c := range status.ContainerStatuses {
		if c.State.Waiting != nil && c.LastTerminationState.Terminated == nil {
			return
		}
	}
	status.Phase = corev1.PodRunning
}

// setPhaseOfDeleted gives a Pod that will not run again its last phase, once all of its containers have ended.
func setPhaseOfDeleted(status *corev1.PodStatus, v view) {
	if v.anyRunning() {
		return
	}
	status.Phase = corev1.PodSucceeded
	for _, c := range status.ContainerStatuses {
		if c.State.Terminated == nil || c.State.Terminated.ExitCode != 0 {
			status.Phase = corev1.PodFailed
		}
	}
}

func (v view) anyRunning() bool {
	for _, c := range v.all {
		if !isSandbox(c) && c.State == runtime.StateRunning {
			return true
		}
	}
	return false
}

func (v view) statuses(specs []corev1.Container, init bool, now time.Time) []corev1.ContainerStatus {
	var statuses []corev1.ContainerStatus
	for i := range specs {
		statuses = append(statuses, v.status(v.of(&specs[i], init), now))
	}
	return statuses
}

// waitingReason of a container that was never started, and nothing is wrong yet.
func (v view) waitingReason() string {
	if len(v.pod.Spec.InitContainers) > 0 {
		return "PodInitializing"
	}
	return "ContainerCreating"
}

// crashLoopMessage is upstream's: `back-off 10s restarting failed container=web pod=web-1_default(uid)`.
func crashLoopMessage(backoff time.Duration, pod *corev1.Pod, container string) string {
	return fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", backoff, container, fullName(pod))
}

// fullName is how upstream's messages name a Pod.
func fullName(pod *corev1.Pod) string {
	return fmt.Sprintf("%s_%s(%s)", pod.Name, pod.Namespace, pod.UID)
}
