package nodes

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// fleet knows since when, by the clock of this process, what drives Pods out has been so, and how its zones are.
type fleet struct {
	limits Limits

	mu      sync.Mutex
	members map[string]member
	zones   map[string]zone
	tainted map[string]map[string]time.Time // by node and taintKey
	gone    map[string]time.Time            // nodes that do not exist
	since   time.Time                       // when the first was ready after none was
}

// member is a node that has said, or of whom was said, whether it is ready.
type member struct {
	zone  string
	ready bool
}

func newFleet(limits Limits) fleet {
	if limits == (Limits{}) {
		limits = DefaultLimits
	}
	return fleet{
		limits: limits, members: map[string]member{}, zones: map[string]zone{},
		tainted: map[string]map[string]time.Time{}, gone: map[string]time.Time{},
	}
}

// change is what an event means to the lost nodes that it is not about.
type change int

const (
	same     change = iota
	shifted         // how fast a zone may be emptied, or that nothing may be, is otherwise now
	returned        // the first node is ready after none was
)

// set takes over a node.
func (f *fleet) set(node *corev1.Node, now time.Time) change {
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
	is := status(node, corev1.NodeReady)
	if is == "" {
		return f.count(node.Name, nil, now)
	}
	return f.count(node.Name, &member{zoneOf(node), is == corev1.ConditionTrue}, now)
}

// remove notes that a node is no more.
func (f *fleet) remove(name string, now time.Time) change {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.tainted, name)
	f.gone[name] = now
	return f.count(name, nil, now)
}

// count replaces what is known of a node; nil is nothing. The caller holds the lock.
func (f *fleet) count(name string, is *member, now time.Time) change {
	was, known := f.members[name]
	if known && is != nil && was == *is || !known && is == nil {
		return same
	}
	heldBefore := f.held()
	rates := map[string]float64{}
	adjust := func(m member, by int) {
		z := f.zones[m.zone]
		if _, noted := rates[m.zone]; !noted {
			rates[m.zone] = f.limits.rate(z)
		}
		if m.ready {
			z.ready += by
		} else {
			z.lost += by
		}
		f.zones[m.zone] = z
	}
	if known {
		adjust(was, -1)
		delete(f.members, name)
	}
	if is != nil {
		adjust(*is, 1)
		f.members[name] = *is
	}
	held := f.held()
	if heldBefore && !held {
		f.since = now
		return returned
	}
	if held != heldBefore {
		return shifted
	}
	for name, rate := range rates {
		if f.limits.rate(f.zones[name]) != rate {
			return shifted
		}
	}
	return same
}

// held is whether no node is ready. The caller holds the lock.
func (f *fleet) held() bool {
	for _, z := range f.zones {
		if z.ready > 0 {
			return false
		}
	}
	return true
}

// pace is what holds for emptying the node.
func (f *fleet) pace(node *corev1.Node) Pace {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.paceOf(node)
}

func (f *fleet) paceOf(node *corev1.Node) Pace {
	pace := f.limits.pace(f.zones[zoneOf(node)], node.Name)
	pace.Held = f.held()
	return pace
}

// take takes the turn to be emptied for the node, and reports false if another was faster.
func (f *fleet) take(node *corev1.Node, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if pace := f.paceOf(node); pace.Held || pace.Never || now.Before(pace.Turn) {
		return false
	}
	name := zoneOf(node)
	z := f.zones[name]
	z.turn, z.of = now, node.Name
	f.zones[name] = z
	return true
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
	return Surroundings{Node: node, Tainted: f.tainted[node.Name], Held: f.held(), Since: f.since}
}
