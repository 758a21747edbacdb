package scheduler

var (
	podAffinityMissed     = []Reason{{Text: "node(s) didn't match pod affinity rules", Cause: CauseAffinity, Final: true}}
	podAntiAffinityHit    = []Reason{{Text: "node(s) didn't match pod anti-affinity rules", Cause: CauseAntiAffinity}}
	othersAntiAffinityHit = []Reason{{Text: "node(s) didn't satisfy existing pods anti-affinity rules", Cause: CauseAntiAffinity}}
)

// requiredWeight is what a required term of a Pod that is there already weighs in the score of one that it wants near.
const requiredWeight = 1

// checkPodAffinity holds a Pod near those that it needs, and away from those that one of the two cannot stand.
func checkPodAffinity(s *State, p *Pod) check {
	near := s.nearWanted(p)
	unwanted, unwelcoming := s.unwanted(p), s.unwelcoming(p)
	if near == nil && len(unwanted) == 0 && len(unwelcoming) == 0 {
		return nil
	}
	return func(n *Node) []Reason {
		switch {
		case near != nil && !near(n):
			return podAffinityMissed
		case unwanted.any(n):
			return podAntiAffinityHit
		case unwelcoming.any(n):
			return othersAntiAffinityHit
		}
		return nil
	}
}

// nearWanted tells which nodes satisfy the required affinity; nil if there is none. A Pod that matches all terms counts for
// each of them. The first of a group that wants to be near itself may go anywhere that has the labels, or none ever could.
func (s *State) nearWanted(p *Pod) func(*Node) bool {
	if len(p.affinity) == 0 {
		return nil
	}
	present := tally{}
	s.in(&p.affinity[0], func(on *placed) {
		if !matchesAll(s, p.affinity, on.Pod) {
			return
		}
		for i := range p.affinity {
			present.add(on.node, p.affinity[i].topologyKey, 1)
		}
	})
	first := len(present) == 0 && matchesAll(s, p.affinity, p)
	return func(n *Node) bool {
		for i := range p.affinity {
			key := p.affinity[i].topologyKey
			value, has := n.label(key)
			if !has || present[key][value] == 0 && !first {
				return false
			}
		}
		return true
	}
}

// unwanted counts the Pods that this one must be away from, where they are.
func (s *State) unwanted(p *Pod) tally {
	counts := tally{}
	for i := range p.antiAffinity {
		term := &p.antiAffinity[i]
		s.in(term, func(on *placed) {
			if term.matches(s, on.Pod) {
				counts.add(on.node, term.topologyKey, 1)
			}
		})
	}
	return counts
}

// unwelcoming counts the Pods that must be away from this one, where they are.
func (s *State) unwelcoming(p *Pod) tally {
	counts := tally{}
	for _, on := range s.repelling {
		for i := range on.antiAffinity {
			if term := &on.antiAffinity[i]; term.matches(s, p) {
				counts.add(on.node, term.topologyKey, 1)
			}
		}
	}
	return counts
}

// countAttraction sums what the preferred terms of this Pod and of those that are there already say for a node,
// and against it.
func countAttraction(s *State, p *Pod, _ []*Node) raw {
	pull := tally{}
	for i := range p.attractions {
		s.weigh(&p.attractions[i], pull, 1)
	}
	for i := range p.repulsions {
		s.weigh(&p.repulsions[i], pull, -1)
	}
	for _, on := range s.preferring {
		for i := range on.affinity {
			if term := &on.affinity[i]; term.matches(s, p) {
				pull.add(on.node, term.topologyKey, requiredWeight)
			}
		}
		for _, term := range on.attractions {
			if term.matches(s, p) {
				pull.add(on.node, term.topologyKey, term.weight)
			}
		}
		for _, term := range on.repulsions {
			if term.matches(s, p) {
				pull.add(on.node, term.topologyKey, -term.weight)
			}
		}
	}
	if len(pull) == 0 {
		return nil
	}
	return pull.sum
}

// weigh adds the term's weight, times sign, wherever a Pod is that it is about.
func (s *State) weigh(term *weightedPodTerm, pull tally, sign int64) {
	s.in(&term.podTerm, func(on *placed) {
		if term.matches(s, on.Pod) {
			pull.add(on.node, term.topologyKey, sign*term.weight)
		}
	})
}
