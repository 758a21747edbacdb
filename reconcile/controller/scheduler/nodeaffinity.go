package scheduler

var affinityMissed = []Reason{{Text: "node(s) didn't match Pod's node affinity/selector", Cause: CauseNode, Final: true}}

// checkNodeAffinity holds a Pod to the nodes of its nodeSelector and its required node affinity.
func checkNodeAffinity(_ *State, p *Pod) check {
	if len(p.spec.NodeSelector) == 0 && (p.spec.Affinity == nil || p.spec.Affinity.NodeAffinity == nil) {
		return nil
	}
	return func(n *Node) []Reason {
		// A term that cannot be parsed matches nothing; admission refuses it.
		if match, err := p.required.Match(n.Object); !match || err != nil {
			return affinityMissed
		}
		return nil
	}
}

// countPreferred sums the weights of the preferred terms that a node matches.
func countPreferred(_ *State, p *Pod, _ []*Node) raw {
	if p.preferred == nil {
		return nil
	}
	return func(n *Node) int64 { return p.preferred.Score(n.Object) }
}
