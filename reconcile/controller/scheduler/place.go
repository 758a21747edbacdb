package scheduler

// tally counts something by place: by topology key (what a place is: a host, a rack, a zone) and its value (which one).
type tally map[string]map[string]int64

// add counts at the place where the node is; a node without the label is nowhere.
func (t tally) add(n *Node, key string, amount int64) {
	value, has := n.label(key)
	if !has {
		return
	}
	if t[key] == nil {
		t[key] = map[string]int64{}
	}
	t[key][value] += amount
}

// any reports whether something was counted at a place where the node is.
func (t tally) any(n *Node) bool {
	for key, counts := range t {
		if value, has := n.label(key); has && counts[value] > 0 {
			return true
		}
	}
	return false
}

// sum is over the places where the node is.
func (t tally) sum(n *Node) int64 {
	var sum int64
	for key, counts := range t {
		if value, has := n.label(key); has {
			sum += counts[value]
		}
	}
	return sum
}
