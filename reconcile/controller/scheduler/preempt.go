package scheduler

import (
	"cmp"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

const (
	noVictims         = "No preemption victims found for incoming pod"
	preemptionUseless = "Preemption is not helpful for scheduling"
)

// Preemption is what must go so that a Pod of a higher priority fits.
type Preemption struct {
	Node    string // "" if nothing that may go would help
	Victims []*Pod // to be deleted, in order of namespace and name

	// Nominated is where room is kept for the Pod from now on: Node, or where earlier victims are still leaving.
	Nominated string

	broken     int            // victims that a disruption budget protects
	refusal    string         // why nothing was looked for
	rejections map[string]int // why each node is out of the question
}

// Note says in upstream's words why no Pod had to go; "" if some do.
func (p Preemption) Note(nodes int) string {
	switch {
	case p.Node != "":
		return ""
	case p.refusal != "":
		return p.refusal
	}
	return unavailable(nodes, p.rejections)
}

// preempt looks for the node where the least important Pods would have to go.
func preempt(s *State, p *Pod, rejected []rejection) Preemption {
	if policy := p.spec.PreemptionPolicy; policy != nil && *policy == corev1.PreemptNever {
		return Preemption{refusal: "not eligible due to preemptionPolicy=Never."}
	}
	if n := s.nominated(p); n != nil && n.leaving(p.Priority) {
		return Preemption{Nominated: n.Name, refusal: "not eligible due to a terminating pod on the nominated node."}
	}
	var chosen Preemption
	rejections := map[string]int{}
	for _, r := range rejected {
		if helpless(r.reasons) {
			rejections[preemptionUseless]++
			continue
		}
		victims, broken, reasons := victims(s, p, r.node)
		for _, reason := range reasons {
			rejections[reason]++
		}
		found := Preemption{Node: r.node.Name, Victims: victims, Nominated: r.node.Name, broken: broken}
		if len(victims) > 0 && (chosen.Node == "" || lessHarm(found, chosen)) {
			chosen = found
		}
	}
	if chosen.Node == "" {
		return Preemption{rejections: rejections}
	}
	slices.SortFunc(chosen.Victims, func(a, b *Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return chosen
}

// leaving reports whether a Pod of lower priority is on its way out already.
func (n *Node) leaving(priority int32) bool {
	for _, p := range n.pods {
		if p.terminating && p.Priority < priority {
			return true
		}
	}
	return false
}

// victims are the Pods that must leave this node, most important first, and how many of them a budget protects; or the reasons
// why that would not help. All of lower priority go, then as many as possible are spared: those that a budget protects, then
// the most important and oldest.
func victims(s *State, p *Pod, n *Node) (gone []*Pod, broken int, reasons []string) {
	var lower []*Pod
	for _, other := range n.pods {
		if other.Priority < p.Priority {
			lower = append(lower, other)
		}
	}
	if len(lower) == 0 {
		return nil, 0, []string{noVictims}
	}
	slices.SortFunc(lower, moreImportant)
	for _, other := range lower {
		s.Remove(other.UID)
	}
	if reasons := reject(prepared(s, p), n); len(reasons) > 0 {
		for _, other := range lower {
			s.Place(other, n.Name)
		}
		return nil, 0, texts(reasons)
	}
	protected, free := s.protected(lower)
	for _, other := range slices.Concat(protected, free) {
		s.Place(other, n.Name)
		if reject(prepared(s, p), n) != nil {
			s.Remove(other.UID)
			gone = append(gone, other)
		}
	}
	for _, other := range gone {
		s.Place(other, n.Name)
	}
	slices.SortFunc(gone, moreImportant)
	return gone, s.broken(gone, protected), nil
}

// moreImportant orders by priority, then by age, then by name, so that the order is total.
func moreImportant(a, b *Pod) int {
	return cmp.Or(
		cmp.Compare(b.Priority, a.Priority),
		a.started.Compare(b.started),
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name),
	)
}

// lessHarm reports whether a does less than b: fewer victims that a budget protects, a less important first victim, a smaller sum of
// priorities, fewer victims, a younger first victim. Victims are ordered by importance.
func lessHarm(a, b Preemption) bool {
	return cmp.Or(
		cmp.Compare(a.broken, b.broken),
		cmp.Compare(a.Victims[0].Priority, b.Victims[0].Priority),
		cmp.Compare(sumOfPriorities(a.Victims), sumOfPriorities(b.Victims)),
		cmp.Compare(len(a.Victims), len(b.Victims)),
		b.Victims[0].started.Compare(a.Victims[0].started),
	) < 0
}

// sumOfPriorities lifts each priority above zero, so that fewer victims always sum to less than the same ones and another.
func sumOfPriorities(pods []*Pod) int64 {
	var sum int64
	for _, p := range pods {
		sum += int64(p.Priority) + math.MaxInt32 + 1
	}
	return sum
}

func texts(reasons []Reason) []string {
	list := make([]string, len(reasons))
	for i, reason := range reasons {
		list[i] = reason.Text
	}
	return list
}
