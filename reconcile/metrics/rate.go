package metrics

import "time"

// Usage is what something uses: CPU as a rate over the window that ends at Time, memory at that time.
type Usage struct {
	NanoCores uint64
	Bytes     uint64 // working set
	Time      time.Time
	Window    time.Duration
}

// youngest is how old a container must be for its whole life to be a window: what it does to start up is not what it uses.
const youngest = 10 * time.Second

// rate is the use between two points. A container that has only one has no rate yet, unless it started after the sample before; then its
// life is the window.
func rate(before *point, last point, resolution time.Duration) (Usage, bool) {
	if before == nil || !before.started.Equal(last.started) || last.cpu < before.cpu {
		age := last.at.Sub(last.started)
		if last.started.IsZero() || age < youngest || age >= resolution {
			return Usage{}, false
		}
		before = &point{started: last.started, at: last.started}
	}
	window := last.at.Sub(before.at)
	if window <= 0 {
		return Usage{}, false
	}
	nanoCores := float64(last.cpu-before.cpu) / window.Seconds()
	return Usage{NanoCores: uint64(nanoCores), Bytes: last.memory, Time: last.at, Window: window}, true
}

// history is what is kept of a node.
type history struct {
	before, last *sample
	silent       bool // did not answer in the last round
}

// add takes the next sample of a node; nil is none.
func (h *history) add(next *sample) {
	if h.silent = next == nil; !h.silent {
		h.before, h.last = h.last, next
	}
}

// pod is the use of each container. All that run must have a rate: half a Pod would be taken for a small one.
func (h *history) pod(name podName, resolution time.Duration) (map[string]Usage, bool) {
	if h == nil || h.silent || h.last == nil || len(h.last.pods[name]) == 0 {
		return nil, false
	}
	containers := make(map[string]Usage, len(h.last.pods[name]))
	for container, last := range h.last.pods[name] {
		var before *point
		if h.before != nil {
			if p, ok := h.before.pods[name][container]; ok {
				before = &p
			}
		}
		used, ok := rate(before, last, resolution)
		if !ok {
			return nil, false
		}
		containers[container] = used
	}
	return containers, true
}

// node is the use of the whole machine, or, where that is not known, of all its Pods.
func (h *history) node(resolution time.Duration) (Usage, bool) {
	if h == nil || h.silent || h.last == nil || h.before == nil {
		return Usage{}, false
	}
	if h.last.node != nil {
		if h.before.node == nil {
			return Usage{}, false
		}
		return rate(h.before.node, *h.last.node, resolution)
	}
	sum := Usage{Time: h.last.at, Window: h.last.at.Sub(h.before.at)}
	for name := range h.last.pods {
		containers, _ := h.pod(name, resolution)
		for _, used := range containers {
			sum.NanoCores += used.NanoCores
			sum.Bytes += used.Bytes
		}
	}
	return sum, true
}
