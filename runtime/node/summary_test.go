package node

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/memory"
)

// summary is a Pod's line as kubectl prints it: "1/2 CrashLoopBackOff restarts=3".
func summary(pod *corev1.Pod) string {
	ready, restarts, reason := 0, int32(0), string(pod.Status.Phase)
	if pod.Status.Reason != "" {
		reason = pod.Status.Reason
	}
	initialising := false
	for i, s := range pod.Status.InitContainerStatuses {
		restarts += s.RestartCount
		if isSidecar(&pod.Spec.InitContainers[i]) && s.Started != nil && *s.Started {
			continue
		}
		switch {
		case s.State.Terminated != nil && s.State.Terminated.ExitCode == 0:
			continue
		case s.State.Terminated != nil:
			reason = "Init:" + s.State.Terminated.Reason
		case s.State.Waiting != nil && s.State.Waiting.Reason != "PodInitializing":
			reason = "Init:" + s.State.Waiting.Reason
		default:
			reason = fmt.Sprintf("Init:%d/%d", i, len(pod.Spec.InitContainers))
		}
		initialising = true
		break
	}
	for i := len(pod.Status.ContainerStatuses) - 1; i >= 0; i-- {
		s := pod.Status.ContainerStatuses[i]
		restarts += s.RestartCount
		switch {
		case s.Ready && s.State.Running != nil:
			ready++
		case initialising:
		case s.State.Waiting != nil:
			reason = s.State.Waiting.Reason
		case s.State.Terminated != nil:
			reason = s.State.Terminated.Reason
		}
	}
	return fmt.Sprintf("%d/%d %s restarts=%d", ready, len(pod.Spec.Containers), strings.TrimSpace(reason), restarts)
}

func pullFails(image string) memory.Fault {
	return memory.Fault{Call: "PullImage", Image: image, Err: fmt.Errorf("%w: manifest unknown", runtime.ErrImageNotFound)}
}
