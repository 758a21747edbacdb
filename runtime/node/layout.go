package node

import (
	corev1 "k8s.io/api/core/v1"
)

// needsSandbox says whether the Pod has a container that holds network and IPC for the others. A container's shim costs
// about 10 MiB, so a Pod of one container does without: its container holds them itself. With the host's network,
// init containers share nothing that outlives them.
func needsSandbox(pod *corev1.Pod) bool {
	if len(pod.Spec.Containers) > 1 || shares(pod.Spec.ShareProcessNamespace) {
		return true
	}
	for i := range pod.Spec.InitContainers {
		if isSidecar(&pod.Spec.InitContainers[i]) {
			return true
		}
	}
	return len(pod.Spec.InitContainers) > 0 && !pod.Spec.HostNetwork
}

func shares(b *bool) bool { return b != nil && *b }

// isSidecar says whether an init container goes on running beside the others.
func isSidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// restartPolicy is the one that holds for container c of the Pod.
func restartPolicy(pod *corev1.Pod, c *corev1.Container, init bool) corev1.RestartPolicy {
	switch {
	case init && isSidecar(c):
		return corev1.RestartPolicyAlways
	case init && pod.Spec.RestartPolicy == corev1.RestartPolicyAlways:
		return corev1.RestartPolicyOnFailure // an init container that succeeded is done
	}
	return pod.Spec.RestartPolicy
}

// eachContainer calls f for init containers, then for the others, in the order of the spec.
func eachContainer(pod *corev1.Pod, f func(c *corev1.Container, init bool)) {
	for i := range pod.Spec.InitContainers {
		f(&pod.Spec.InitContainers[i], true)
	}
	for i := range pod.Spec.Containers {
		f(&pod.Spec.Containers[i], false)
	}
}

func containerByName(pod *corev1.Pod, name string) *corev1.Container {
	var found *corev1.Container
	eachContainer(pod, func(c *corev1.Container, _ bool) {
		if c.Name == name {
			found = c
		}
	})
	return found
}

// isFinished says whether the Pod's phase is one that never changes again.
func isFinished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}
