package scheduler

import (
	"fmt"
	"math"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

var (
	spreadMissed = []Reason{{Text: "node(s) didn't match pod topology spread constraints", Cause: CauseSpread}}
	spreadNoKey  = []Reason{{Text: "node(s) didn't match pod topology spread constraints (missing required label)", Cause: CauseNode, Final: true}}
)

// spread is one topology spread constraint: over the places of a kind, the number of matching Pods may differ by
// maxSkew from the emptiest.
type spread struct {
	topologyKey string
	pods        labels.Selector
	maxSkew     int64
	minDomains  int64
	// Whether nodes that the Pod could not go to, by affinity or by taints, count as places.
	honorAffinity, honorTaints bool
}

// readSpreads sorts the constraints into those that must hold and those that weigh.
func (p *Pod) readSpreads(object *corev1.Pod) error {
	for i := range object.Spec.TopologySpreadConstraints {
		c := &object.Spec.TopologySpreadConstraints[i]
		pods, err := metav1.LabelSelectorAsSelector(c.LabelSelector)
		if err != nil {
			return fmt.Errorf("read labelSelector: %w", err)
		}
		if pods, err = withLabelKeys(pods, object, selection.In, c.MatchLabelKeys); err != nil {
			return fmt.Errorf("read matchLabelKeys: %w", err)
		}
		read := spread{
			topologyKey:   c.TopologyKey,
			pods:          pods,
			maxSkew:       int64(c.MaxSkew),
			minDomains:    1,
			honorAffinity: c.NodeAffinityPolicy == nil || *c.NodeAffinityPolicy == corev1.NodeInclusionPolicyHonor,
			honorTaints:   c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor,
		}
		if c.MinDomains != nil {
			read.minDomains = int64(*c.MinDomains)
		}
		if c.WhenUnsatisfiable == corev1.ScheduleAnyway {
			p.softSpreads = append(p.softSpreads, read)
		} else {
			p.hardSpreads = append(p.hardSpreads, read)
		}
	}
	return nil
}

// checkSpreads keeps each constraint that says DoNotSchedule.
func checkSpreads(s *State, p *Pod) check {
	if len(p.hardSpreads) == 0 {
		return nil
	}
	counts := s.countSpreads(p, p.hardSpreads)
	fewest := make([]int64, len(counts))
	for i, count := range counts {
		fewest[i] = p.hardSpreads[i].fewest(count)
	}
	return func(n *Node) []Reason {
		for i := range p.hardSpreads {
			c := &p.hardSpreads[i]
			value, has := n.label(c.topologyKey)
			if !has {
				return spreadNoKey
			}
			var self int64
			if c.pods.Matches(p.labels) {
				self = 1
			}
			if counts[i][value]+self-fewest[i] > c.maxSkew {
				return spreadMissed
			}
		}
		return nil
	}
}

// countSpread is how full the places of a node are, by the constraints that say ScheduleAnyway. A constraint over many places
// counts for more than one over few (by the logarithm of their number), as upstream has it, or a host would weigh
// nothing beside a zone.
func countSpread(s *State, p *Pod, candidates []*Node) raw {
	if len(p.softSpreads) == 0 {
		return nil
	}
	counts := s.countSpreads(p, p.softSpreads)
	weight := make([]float64, len(counts))
	for i := range counts {
		weight[i] = math.Log(float64(places(candidates, p.softSpreads[i].topologyKey) + 2))
	}
	figure := func(n *Node) (sum int64, everywhere bool) {
		var total float64
		for i := range p.softSpreads {
			c := &p.softSpreads[i]
			value, has := n.label(c.topologyKey)
			if !has {
				return 0, false
			}
			total += float64(counts[i][value])*weight[i] + float64(c.maxSkew-1)
		}
		return int64(math.Round(total)), true
	}
	var worst int64
	for _, n := range candidates {
		sum, _ := figure(n)
		worst = max(worst, sum)
	}
	return func(n *Node) int64 {
		if sum, everywhere := figure(n); everywhere {
			return sum
		}
		return worst // a node that is in none of the places is no better than the fullest
	}
}

// countSpreads counts the matching Pods by place, one map a constraint. Only nodes that are in a place of every
// constraint count; a place without Pods is there with 0.
func (s *State) countSpreads(p *Pod, constraints []spread) []map[string]int64 {
	counts := make([]map[string]int64, len(constraints))
	for i := range counts {
		counts[i] = map[string]int64{}
	}
	hasTaints := checkTaints(s, p)
	for _, n := range s.byName {
		if !inAllPlaces(n, constraints) {
			continue
		}
		for i := range constraints {
			c := &constraints[i]
			if c.honorAffinity {
				if match, err := p.required.Match(n.Object); !match || err != nil {
					continue
				}
			}
			if c.honorTaints && hasTaints(n) != nil {
				continue
			}
			value, _ := n.label(c.topologyKey)
			counts[i][value] += n.countMatching(p, c.pods)
		}
	}
	return counts
}

// fewest is the number in the emptiest place; 0 while there are fewer places than the constraint wants.
func (c *spread) fewest(counts map[string]int64) int64 {
	if int64(len(counts)) < c.minDomains {
		return 0
	}
	fewest := int64(math.MaxInt64)
	for _, count := range counts {
		fewest = min(fewest, count)
	}
	return fewest
}

// countMatching counts the living Pods of the node in the Pod's namespace.
func (n *Node) countMatching(p *Pod, pods labels.Selector) int64 {
	var count int64
	for _, other := range n.pods {
		if other.Namespace == p.Namespace && !other.terminating && pods.Matches(other.labels) {
			count++
		}
	}
	return count
}

func inAllPlaces(n *Node, constraints []spread) bool {
	for i := range constraints {
		if _, has := n.label(constraints[i].topologyKey); !has {
			return false
		}
	}
	return true
}

// places counts the different values of a label.
func places(nodes []*Node, key string) int {
	values := map[string]bool{}
	for _, n := range nodes {
		if value, has := n.label(key); has {
			values[value] = true
		}
	}
	return len(values)
}
