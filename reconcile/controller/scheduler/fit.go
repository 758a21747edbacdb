package scheduler

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// insufficient is the reason for one resource; final if the node is too small even when empty.
func insufficient(name corev1.ResourceName, final bool) Reason {
	return Reason{Text: "Insufficient " + string(name), Cause: CauseResources, Final: final}
}

var tooManyPods = Reason{Text: "Too many pods", Cause: CauseResources}

// reservation is what Pods that wait for their victims will take of a node.
type reservation struct {
	requested Resources
	ports     portUse
}

// reservedFor sums, by node, what is kept for other Pods of the same or a higher priority than this one.
func (s *State) reservedFor(p *Pod) map[string]reservation {
	var reserved map[string]reservation
	for uid, waiting := range s.nominees {
		if uid == p.UID || waiting.Priority < p.Priority {
			continue
		}
		if reserved == nil {
			reserved = map[string]reservation{}
		}
		r := reserved[waiting.node]
		if r.ports == nil {
			r.ports = portUse{}
		}
		r.requested.add(waiting.requests, 1)
		r.ports.add(waiting.ports, 1)
		reserved[waiting.node] = r
	}
	return reserved
}

// checkFit keeps the sum of requests within what a node can give.
func checkFit(s *State, p *Pod) check {
	reserved := s.reservedFor(p)
	return func(n *Node) []Reason { return lacking(p, n, reserved[n.Name].requested) }
}

// lacking says of which resources too little is left, beside what is kept for others. A resource that the Pod does not request
// cannot turn it away, even where a node has promised too much of it.
func lacking(p *Pod, n *Node, kept Resources) []Reason {
	var reasons []Reason
	lacks := func(name corev1.ResourceName, wanted, used, allocatable int64) {
		if wanted > 0 && wanted > allocatable-used {
			reasons = append(reasons, insufficient(name, wanted > allocatable))
		}
	}
	if n.requested.Pods+kept.Pods+1 > n.allocatable.Pods {
		reasons = append(reasons, tooManyPods)
	}
	lacks(corev1.ResourceCPU, p.requests.MilliCPU, n.requested.MilliCPU+kept.MilliCPU, n.allocatable.MilliCPU)
	lacks(corev1.ResourceMemory, p.requests.Memory, n.requested.Memory+kept.Memory, n.allocatable.Memory)
	lacks(corev1.ResourceEphemeralStorage, p.requests.Ephemeral, n.requested.Ephemeral+kept.Ephemeral, n.allocatable.Ephemeral)
	for _, name := range slices.Sorted(maps.Keys(p.requests.Extended)) {
		lacks(name, p.requests.Extended[name], n.requested.Extended[name]+kept.Extended[name], n.allocatable.Extended[name])
	}
	return reasons
}

// mayFit is whether a node from which a Pod has gone is worth another try: what the Pod requests is there, or would
// be without the less important.
func (s *State) mayFit(p *Pod, nodeName string) bool {
	n := s.nodes[nodeName]
	if n == nil || n.Object == nil {
		return false
	}
	if len(lacking(p, n, Resources{})) == 0 {
		return true
	}
	for _, other := range n.pods {
		if other.Priority < p.Priority {
			return true
		}
	}
	return s.nominees[p.UID].node == nodeName
}

// countFree is the share of CPU and memory that would be left, 0 … maxScore, the mean of both.
func countFree(_ *State, p *Pod, _ []*Node) raw {
	free := func(used, allocatable int64) int64 {
		if allocatable <= 0 || used > allocatable {
			return 0
		}
		return (allocatable - used) * maxScore / allocatable
	}
	return func(n *Node) int64 {
		return (free(n.weights.MilliCPU+p.weights.MilliCPU, n.allocatable.MilliCPU) +
			free(n.weights.Memory+p.weights.Memory, n.allocatable.Memory)) / 2
	}
}
