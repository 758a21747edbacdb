package nodes

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Limits are how fast lost nodes are emptied, zone by zone: many at once are rather the network's fault than theirs.
type Limits struct {
	Rate      float64 // nodes a second
	Secondary float64 // the same in a large zone of which too much is lost; a small one is left alone then
	Unhealthy float64 // the share of lost nodes that is too much, if it is more than two
	Large     int     // a zone of more nodes is large
}

// DefaultLimits are upstream's.
var DefaultLimits = Limits{Rate: 0.1, Secondary: 0.01, Unhealthy: 0.55, Large: 50}

// zone is one place that fails as a whole. Nodes without labels of a zone are one too.
type zone struct {
	ready, lost int
	// turn is when the last node's turn was to be emptied, and of whom.
	turn time.Time
	of   string
}

// rate is how many nodes of the zone may be emptied a second. That all of it is lost does not count against it, as long as another
// zone lives: where nothing is left, there is nothing to spare.
func (l Limits) rate(z zone) float64 {
	switch total := z.ready + z.lost; {
	case z.ready == 0 || z.lost <= 2 || float64(z.lost) < l.Unhealthy*float64(total):
		return l.Rate
	case total > l.Large:
		return l.Secondary
	}
	return 0
}

// Pace is what holds for emptying one lost node.
type Pace struct {
	// Held means that no node at all is ready: none is emptied, and none begins to be.
	Held bool
	// Never means that it is nobody's turn before the zone gets better; Turn is from when on it is this node's.
	Never bool
	Turn  time.Time
}

func (l Limits) pace(z zone, nodeName string) Pace {
	rate := l.rate(z)
	switch {
	case rate <= 0:
		return Pace{Never: true}
	case z.turn.IsZero() || z.of == nodeName: // whose turn it was keeps it until its taint is written
		return Pace{}
	}
	return Pace{Turn: z.turn.Add(time.Duration(float64(time.Second) / rate))}
}

// zoneOf names a node's zone.
func zoneOf(node *corev1.Node) string {
	return node.Labels[corev1.LabelTopologyRegion] + "/" + node.Labels[corev1.LabelTopologyZone]
}
