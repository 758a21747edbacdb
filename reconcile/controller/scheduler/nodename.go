package scheduler

var otherNodeName = []Reason{{Text: "node(s) didn't match the requested node name", Cause: CauseNode, Final: true}}

// checkNodeName holds a Pod whose spec.nodeName is set to that node. Such a Pod is not the scheduler's to place; the rule
// is here so that a decision about one is right all the same.
func checkNodeName(_ *State, p *Pod) check {
	wanted := p.spec.NodeName
	if wanted == "" {
		return nil
	}
	return func(n *Node) []Reason {
		if n.Name != wanted {
			return otherNodeName
		}
		return nil
	}
}
