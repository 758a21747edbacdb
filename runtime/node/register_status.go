package node

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"coracle.dev/coracle/runtime"
)

// nodeStatus is this node's part of its status, over what the API has.
func (n *Node) nodeStatus(base corev1.NodeStatus) corev1.NodeStatus {
	status := *base.DeepCopy()
	info := n.engineInfo()
	status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: n.Name}}
	if n.InternalIP != "" {
		status.Addresses = append([]corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: n.InternalIP}}, status.Addresses...)
	}
	if info.EngineName != "" { // else the engine has not answered yet, and what the API has stands
		status.Capacity = capacity(info, n.MaxPods)
		status.Allocatable = capacity(info, n.MaxPods)
		status.NodeInfo.KernelVersion = info.KernelVersion
		status.NodeInfo.OSImage = info.OperatingSystem
		status.NodeInfo.OperatingSystem = info.OS
		status.NodeInfo.Architecture = info.Architecture
		status.NodeInfo.ContainerRuntimeVersion = info.EngineName + "://" + info.EngineVersion
		status.NodeInfo.SystemUUID = info.ID
	}
	status.NodeInfo.KubeletVersion = n.Version
	up, since, why := n.health.get()
	setNodeConditions(&status, up, since, why, n.diskFull(), n.Clock.Now())
	if _, _, err := n.network.get(); up && err != nil {
		setNodeCondition(&status, corev1.NodeReady, false, "KubeletNotReady", "container runtime network not ready: "+err.Error(), n.Clock.Now())
	}
	return status
}

// capacity of the machine, all of which Pods may use.
func capacity(info runtime.Info, maxPods int) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewQuantity(int64(info.CPUs), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(info.MemoryBytes, resource.BinarySI),
		corev1.ResourcePods:   *resource.NewQuantity(int64(maxPods), resource.DecimalSI),
	}
}

// setNodeConditions sets the node's four. up, since and why are the engine's health.
func setNodeConditions(status *corev1.NodeStatus, up bool, since time.Time, why string, diskFull bool, now time.Time) {
	set := func(t corev1.NodeConditionType, value bool, reason, message string) {
		setNodeCondition(status, t, value, reason, message, now)
	}
	set(corev1.NodeMemoryPressure, false, "KubeletHasSufficientMemory", "kubelet has sufficient memory available")
	if diskFull {
		set(corev1.NodeDiskPressure, true, "KubeletHasDiskPressure", "kubelet has disk pressure")
	} else {
		set(corev1.NodeDiskPressure, false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure")
	}
	set(corev1.NodePIDPressure, false, "KubeletHasSufficientPID", "kubelet has sufficient PID available")
	ready := slices.IndexFunc(status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeReady })
	switch {
	case up:
		set(corev1.NodeReady, true, "KubeletReady", "kubelet is posting ready status")
	case ready < 0 || now.Sub(since) >= engineGrace:
		set(corev1.NodeReady, false, "KubeletNotReady", "container runtime is down: "+why)
	}
}

func setNodeCondition(status *corev1.NodeStatus, t corev1.NodeConditionType, value bool, reason, message string, now time.Time) {
	condition := corev1.NodeCondition{
		Type: t, Status: corev1.ConditionFalse, Reason: reason, Message: message,
		LastHeartbeatTime: *stamp(now), LastTransitionTime: *stamp(now),
	}
	if value {
		condition.Status = corev1.ConditionTrue
	}
	i := slices.IndexFunc(status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == t })
	if i < 0 {
		status.Conditions = append(status.Conditions, condition)
		return
	}
	if status.Conditions[i].Status == condition.Status {
		condition.LastTransitionTime = status.Conditions[i].LastTransitionTime
	}
	status.Conditions[i] = condition
}
