package node

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubectl/pkg/util/qos"

	"coracle.dev/coracle/runtime"
)

const (
	minShares   = 2       // the kernel's least
	quotaPeriod = 100_000 // microseconds; see runtime.Resources
	minQuota    = 1_000
)

// resources are a container's requests and limits as cgroup settings. A request counts as its limit where only that is given.
// memoryBytes is the machine's, of which Burstable containers' requests are a share.
func resources(pod *corev1.Pod, c *corev1.Container, memoryBytes int64) runtime.Resources {
	requests, limits := c.Resources.Requests, c.Resources.Limits
	cpu := requests.Cpu().MilliValue()
	if _, given := requests[corev1.ResourceCPU]; !given {
		cpu = limits.Cpu().MilliValue()
	}
	r := runtime.Resources{
		CPUShares:        max(cpu*1024/1000, minShares),
		MemoryLimitBytes: limits.Memory().Value(),
		OOMScoreAdj:      oomScoreAdj(pod, c, memoryBytes),
	}
	if limit := limits.Cpu().MilliValue(); limit > 0 {
		r.CPUQuotaMicros = max(limit*quotaPeriod/1000, minQuota)
	}
	return r
}

// oomScoreAdj follows the documentation of node-pressure eviction: Guaranteed -997, BestEffort 1000, Burstable in between, the lower
// the more memory it asks for. 256 MiB requested of 1 GiB: 1000 - 250 = 750.
func oomScoreAdj(pod *corev1.Pod, c *corev1.Container, memoryBytes int64) int {
	class := pod.Status.QOSClass
	if class == "" {
		class = qos.GetPodQOS(pod)
	}
	switch class {
	case corev1.PodQOSGuaranteed:
		return -997
	case corev1.PodQOSBestEffort:
		return 1000
	}
	if memoryBytes <= 0 {
		return 999
	}
	share := 1000 * c.Resources.Requests.Memory().Value() / memoryBytes
	return int(min(max(1000-share, 3), 999))
}
