package replicaset

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/reconcile/controller"
)

// annotationDeletionCost is how dear a Pod is to its user, an int32; 0 if unset or not a number.
const annotationDeletionCost = "controller.kubernetes.io/pod-deletion-cost"

// candidate is a Pod with all that its place in the order depends on, looked up once.
type candidate struct {
	pod        *corev1.Pod
	ready      bool
	readySince time.Time
	cost       int32
	neighbours int // active Pods of the same Deployment on its node
	restarts   int32
}

// firstToGo orders active Pods so that the one whose loss matters least comes first. The order is total: it does
// not depend on that of pods.
func firstToGo(pods, siblings []*corev1.Pod) []*corev1.Pod {
	onNode := map[string]int{}
	for _, pod := range slices.Concat(pods, siblings) {
		if controller.PodActive(pod) {
			onNode[pod.Spec.NodeName]++
		}
	}
	candidates := make([]candidate, len(pods))
	for i, pod := range pods {
		since, ready := controller.PodReadySince(pod)
		candidates[i] = candidate{pod, ready, since, deletionCost(pod), onNode[pod.Spec.NodeName], restarts(pod)}
	}
	slices.SortFunc(candidates, candidate.compare)
	ordered := make([]*corev1.Pod, len(pods))
	for i := range candidates {
		ordered[i] = candidates[i].pod
	}
	return ordered
}

// compare is negative where c goes before d.
func (c candidate) compare(d candidate) int {
	return cmp.Or(
		trueLast(c.pod.Spec.NodeName != "", d.pod.Spec.NodeName != ""),
		cmp.Compare(phaseRank(c.pod), phaseRank(d.pod)),
		trueLast(c.ready, d.ready),
		cmp.Compare(c.cost, d.cost),
		cmp.Compare(d.neighbours, c.neighbours),
		youngerFirst(c.readySince, d.readySince, c.ready && d.ready),
		cmp.Compare(d.restarts, c.restarts),
		youngerFirst(c.pod.CreationTimestamp.Time, d.pod.CreationTimestamp.Time, true),
		strings.Compare(string(c.pod.UID), string(d.pod.UID)),
	)
}

func trueLast(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// phaseRank puts Pending before Unknown before Running.
func phaseRank(pod *corev1.Pod) int {
	switch pod.Status.Phase {
	case corev1.PodRunning:
		return 2
	case corev1.PodUnknown:
		return 1
	}
	return 0
}

// youngerFirst puts the later time first, and an unknown one before all.
func youngerFirst(a, b time.Time, matters bool) int {
	if !matters || a.Equal(b) {
		return 0
	}
	return cmp.Or(trueLast(!a.IsZero(), !b.IsZero()), b.Compare(a))
}

func deletionCost(pod *corev1.Pod) int32 {
	cost, err := strconv.ParseInt(pod.Annotations[annotationDeletionCost], 10, 32)
	if err != nil {
		return 0
	}
	return int32(cost)
}

// restarts is of the container that restarted most.
func restarts(pod *corev1.Pod) int32 {
	var most int32
	for i := range pod.Status.ContainerStatuses {
		most = max(most, pod.Status.ContainerStatuses[i].RestartCount)
	}
	return most
}
