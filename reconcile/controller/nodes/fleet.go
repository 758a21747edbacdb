package nodes

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"coracle.dev/coracle/reconcile/controller"
)

// fleet knows since when, by the clock of this process, what drives Pods out has been so.
type fleet struct {
	mu      sync.Mutex
	ready   map[string]bool                 // nodes that are
	tainted map[string]map[string]time.Time // by node and taintKey
	gone    map[string]time.Time            // nodes that do not exist
	since   time.Time                       // when the first was ready after none was
}

func newFleet() fleet {
	return fleet{ready: map[string]bool{}, tainted: map[string]map[string]time.Time{}, gone: map[string]time.Time{}}
}

// set takes over a node, and reports whether it is the first that is ready after none was.
func (f *fleet) set(node *corev1.Node, now time.Time) (first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.gone, node.Name)
	tainted := map[string]time.Time{}
	for _, taint := range expelling(node) {
		key := taintKey(taint)
		tainted[key] = now
		if seen, before := f.tainted[node.Name][key]; before {
			tainted[key] = seen
		}
	}
	f.tainted[node.Name] = tainted
	if status(node, corev1.NodeReady) != corev1.ConditionTrue {
		delete(f.ready, node.Name)
		return false
	}
	if first = len(f.ready) == 0; first {
		f.since = now
	}
	f.ready[node.Name] = true
	return first
}

// remove notes that a node is no more.
func (f *fleet) remove(name string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ready, name)
	delete(f.tainted, name)
	f.gone[name] = now
}

// goneSince is since when the node is known not to exist; that is now if it never did.
func (f *fleet) goneSince(name string, now time.Time) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.gone[name]; !known {
		f.gone[name] = now
	}
	return f.gone[name]
}

// around is what matters to the Pods of a node that exists.
func (f *fleet) around(node *corev1.Node) Surroundings {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Surroundings{Node: node, Tainted: f.tainted[node.Name], Held: len(f.ready) == 0, Since: f.since}
}

// fleetEvents queue the Pods of a node whose taints drive out others than before, and of all such nodes when the first is
// ready again.
func (c *Controller) fleetEvents() controller.Handler[*corev1.Node] {
	addPods := func(name string) {
		for _, pod := range c.podsOn(name) {
			c.podLoop.Add(controller.KeyOf(pod))
		}
	}
	seen := func(old, node *corev1.Node) {
		if c.fleet.set(node, c.clock.Now()) {
			c.addExpelled(addPods)
		}
		if old == nil || !equality.Semantic.DeepEqual(expelling(old), expelling(node)) || outOfService(old) != outOfService(node) {
			addPods(node.Name)
		}
	}
	return controller.Handler[*corev1.Node]{
		Added:   func(node *corev1.Node) { seen(nil, node) },
		Updated: seen,
		Deleted: func(node *corev1.Node) {
			c.fleet.remove(node.Name, c.clock.Now())
			addPods(node.Name)
		},
	}
}

// addExpelled calls add for each node with a taint that drives Pods out.
func (c *Controller) addExpelled(add func(name string)) {
	nodes, err := c.lister.List(everything)
	if err != nil {
		return // only if the informer's store were broken
	}
	for _, node := range nodes {
		if len(expelling(node)) > 0 {
			add(node.Name)
		}
	}
}
