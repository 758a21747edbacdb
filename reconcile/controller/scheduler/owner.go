package scheduler

// countSiblings counts the living Pods of the same controller, so that a ReplicaSet does not put all eggs into one basket.
func countSiblings(_ *State, p *Pod, _ []*Node) raw {
	if p.owner == "" {
		return nil
	}
	return func(n *Node) int64 { return int64(n.owners[p.owner]) }
}
