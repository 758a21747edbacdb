package scheduler

import corev1 "k8s.io/api/core/v1"

// countSiblings counts the living Pods of the same controller, so that a ReplicaSet does not put all eggs into one basket.
func countSiblings(_ *State, p *Pod, _ []*Node) raw {
	if p.owner == "" {
		return nil
	}
	return func(n *Node) int64 { return int64(n.owners[p.owner]) }
}

// countZoneSiblings counts them in the whole zone of a node. It matters only where there are zones.
func countZoneSiblings(s *State, p *Pod, candidates []*Node) raw {
	if p.owner == "" || places(candidates, corev1.LabelTopologyZone) < 2 {
		return nil
	}
	counts := tally{}
	for _, n := range s.byName {
		if count := n.owners[p.owner]; count > 0 {
			counts.add(n, corev1.LabelTopologyZone, int64(count))
		}
	}
	return counts.sum
}
