package scheduler

// Decision is what to do with one Pod.
type Decision struct {
	// Node is where the Pod goes; "" is nowhere, and the rest says why.
	Node string
	// Nodes is how many there are, and Rejections how many of them gave each reason.
	Nodes      int
	Rejections map[string]int
	// Causes are those of all reasons: only a change that touches one is worth another try.
	Causes Cause
	// Preemption is what may be done about it.
	Preemption Preemption
}

// Plan decides where a Pod goes, or what must go for it. The answer depends on what the State holds, not on the order in
// which it came. The State is the same afterwards.
func Plan(s *State, p *Pod) Decision {
	d := Decision{Nodes: len(s.byName)}
	if d.Nodes == 0 {
		d.Causes = CauseNode
		return d
	}
	checks := prepared(s, p)
	if n := s.nominated(p); n != nil && reject(checks, n) == nil {
		// Its victims have left: what others would now rather have does not matter.
		d.Node = n.Name
		return d
	}
	candidates := make([]*Node, 0, len(s.byName))
	var rejected []rejection
	for _, n := range s.byName {
		if reasons := reject(checks, n); reasons != nil {
			rejected = append(rejected, rejection{n, reasons})
			d.count(reasons)
		} else {
			candidates = append(candidates, n)
		}
	}
	if len(candidates) > 0 {
		return Decision{Nodes: d.Nodes, Node: best(s, p, candidates).Name}
	}
	d.Preemption = preempt(s, p, rejected)
	return d
}

// rejection is a node with why it cannot take the Pod.
type rejection struct {
	node    *Node
	reasons []Reason
}

func (d *Decision) count(reasons []Reason) {
	if d.Rejections == nil {
		d.Rejections = map[string]int{}
	}
	for _, reason := range reasons {
		d.Rejections[reason.Text]++
		d.Causes |= reason.Cause
	}
}
