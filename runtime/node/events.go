package node

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// Reasons of events, as upstream's.
const (
	eventPulling             = "Pulling"
	eventPulled              = "Pulled"
	eventFailed              = "Failed"
	eventBackOff             = "BackOff"
	eventInspectFailed       = "InspectFailed"
	eventNeverPull           = "ErrImageNeverPull"
	eventCreated             = "Created"
	eventStarted             = "Started"
	eventKilling             = "Killing"
	eventUnhealthy           = "Unhealthy"
	eventEvicted             = "Evicted"
	eventFailedMount         = "FailedMount"
	eventFailedSandbox       = "FailedCreatePodSandBox"
	eventFailedPostStartHook = "FailedPostStartHook"
	eventFailedPreStopHook   = "FailedPreStopHook"
)

// event records one about a container of a Pod, or about the Pod where container is "".
func (n *Node) event(pod *corev1.Pod, container, kind, reason, format string, args ...any) {
	about := &corev1.ObjectReference{
		Kind: "Pod", APIVersion: "v1", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		ResourceVersion: pod.ResourceVersion, FieldPath: fieldPath(pod, container),
	}
	n.Recorder.Event(about, kind, reason, fmt.Sprintf(format, args...))
}

func fieldPath(pod *corev1.Pod, container string) string {
	path := ""
	eachContainer(pod, func(c *corev1.Container, init bool) {
		switch {
		case c.Name != container:
		case init:
			path = fmt.Sprintf("spec.initContainers{%s}", container)
		default:
			path = fmt.Sprintf("spec.containers{%s}", container)
		}
	})
	return path
}
