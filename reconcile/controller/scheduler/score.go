package scheduler

// maxScore is the best that one scorer can give a node, before its weight.
const maxScore = 100

// raw is a node's figure in a scorer's own measure.
type raw func(n *Node) int64

// scale brings the figures of all candidates, in place, to 0 … maxScore.
type scale func(figures []int64)

// scorer is one rule of what a Pod would rather have.
type scorer struct {
	name   string
	weight int64
	// prepare looks at the Pod and the nodes that can take it once. It returns nil if all nodes are alike to it.
	prepare func(s *State, p *Pod, candidates []*Node) raw
	scale   scale
}

// scorers with upstream's weights.
var scorers = []scorer{
	{"TaintToleration", 3, countDisliked, lessIsBetter},
	{"NodeAffinity", 2, countPreferred, moreIsBetter},
	{"PodTopologySpread", 2, countSpread, lessIsBetter},
	{"Owner", 2, countSiblings, lessIsBetter},
	{"OwnerZone", 2, countZoneSiblings, lessIsBetter},
	{"InterPodAffinity", 2, countAttraction, stretch},
	{"LeastAllocated", 1, countFree, asIs},
}

// best returns the candidate with the highest weighted sum; of equals the one with the fewest Pods, then
// the first by name. Candidates are in order of name and at least one.
func best(s *State, p *Pod, candidates []*Node) *Node {
	totals := make([]int64, len(candidates))
	figures := make([]int64, len(candidates))
	for _, scorer := range scorers {
		figure := scorer.prepare(s, p, candidates)
		if figure == nil {
			continue
		}
		for i, n := range candidates {
			figures[i] = figure(n)
		}
		scorer.scale(figures)
		for i := range totals {
			totals[i] += scorer.weight * figures[i]
		}
	}
	winner := 0
	for i := range candidates {
		if totals[i] > totals[winner] ||
			totals[i] == totals[winner] && len(candidates[i].pods) < len(candidates[winner].pods) {
			winner = i
		}
	}
	return candidates[winner]
}

// asIs leaves figures that are 0 … maxScore already.
func asIs([]int64) {}

// moreIsBetter gives the largest figure maxScore and nothing 0.
func moreIsBetter(figures []int64) {
	if _, most := bounds(figures); most > 0 {
		for i := range figures {
			figures[i] = maxScore * figures[i] / most
		}
	}
}

// lessIsBetter gives nothing maxScore and the largest figure 0.
func lessIsBetter(figures []int64) {
	_, most := bounds(figures)
	for i := range figures {
		if most == 0 {
			figures[i] = maxScore
		} else {
			figures[i] = maxScore - maxScore*figures[i]/most
		}
	}
}

// stretch gives the smallest figure, which may be negative, 0 and the largest maxScore.
func stretch(figures []int64) {
	least, most := bounds(figures)
	for i := range figures {
		if most == least {
			figures[i] = 0
		} else {
			figures[i] = maxScore * (figures[i] - least) / (most - least)
		}
	}
}

func bounds(figures []int64) (least, most int64) {
	least, most = figures[0], figures[0]
	for _, figure := range figures {
		least, most = min(least, figure), max(most, figure)
	}
	return least, most
}
