package scheduler

// Cause is what kind of thing turned a Pod away. Several are or-ed together. A change is worth another try only
// if it touches one of them.
type Cause uint

const (
	CauseNode         Cause = 1 << iota // the node's name, labels, taints or cordon
	CauseResources                      // too little left
	CausePorts                          // a host port is taken
	CauseAffinity                       // no Pod to be near to
	CauseAntiAffinity                   // a Pod to keep away from
	CauseSpread                         // too many of its like in one place
	CausePod                            // the Pod itself: a selector that cannot be parsed
)

// Reason is why one node cannot take a Pod.
type Reason struct {
	Text  string // as upstream says it, to stand behind a count of nodes
	Cause Cause
	// Final means that no eviction from this node would help.
	Final bool
}

// check returns the reasons why this node cannot take the Pod; none if it can.
type check func(n *Node) []Reason

// filter is one rule of what a Pod demands.
type filter struct {
	name string
	// prepare looks at the Pod, and where need be at all nodes, once. It returns nil if no node could fail.
	prepare func(s *State, p *Pod) check
}

// filters in upstream's order: the first that a node fails gives the reasons.
var filters = []filter{
	{"NodeUnschedulable", checkCordon},
	{"NodeName", checkNodeName},
	{"TaintToleration", checkTaints},
	{"NodeAffinity", checkNodeAffinity},
	{"NodePorts", checkHostPorts},
	{"NodeResourcesFit", checkFit},
	{"PodTopologySpread", checkSpreads},
	{"InterPodAffinity", checkPodAffinity},
}

// prepared are the checks that matter for one Pod in one State.
func prepared(s *State, p *Pod) []check {
	checks := make([]check, 0, len(filters))
	for _, f := range filters {
		if c := f.prepare(s, p); c != nil {
			checks = append(checks, c)
		}
	}
	return checks
}

// reject returns why the node cannot take the Pod; nothing if it can.
func reject(checks []check, n *Node) []Reason {
	for _, c := range checks {
		if reasons := c(n); len(reasons) > 0 {
			return reasons
		}
	}
	return nil
}

// helpless reports whether no eviction from the node would help.
func helpless(reasons []Reason) bool {
	for _, r := range reasons {
		if r.Final {
			return true
		}
	}
	return false
}
