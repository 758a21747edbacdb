package nodes

import (
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// heard remembers when something new was last heard of each node, by the clock of this process.
type heard struct {
	mu    sync.Mutex
	beats map[string]beat
	awake time.Time // when this process looked last
}

// beat is the newest that a node said, in the node's own time, and when it was heard in ours.
type beat struct {
	at              time.Time
	renewed, posted metav1.MicroTime
}

// lease takes note of a renewal.
func (h *heard) lease(lease *coordinationv1.Lease, now time.Time) {
	var renewed metav1.MicroTime
	if lease.Spec.RenewTime != nil {
		renewed = *lease.Spec.RenewTime
	}
	h.note(lease.Name, now, func(b *beat) *metav1.MicroTime { return &b.renewed }, renewed)
}

// node takes note of a status that the node posted itself: each has a new heartbeat time.
func (h *heard) node(node *corev1.Node, now time.Time) {
	var posted metav1.MicroTime
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			posted = metav1.NewMicroTime(c.LastHeartbeatTime.Time)
		}
	}
	h.note(node.Name, now, func(b *beat) *metav1.MicroTime { return &b.posted }, posted)
}

func (h *heard) note(name string, now time.Time, which func(*beat) *metav1.MicroTime, said metav1.MicroTime) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b, known := h.beats[name]
	if !known || !which(&b).Equal(&said) {
		b.at = now
	}
	*which(&b) = said
	h.beats[name] = b
}

// look notes that this process looks at its nodes. If it has not done so for longer than limit, then it was this process that slept:
// what the nodes said meanwhile is still to be read, so each is given its time anew.
func (h *heard) look(now time.Time, limit time.Duration) (slept bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	slept = !h.awake.IsZero() && now.Sub(h.awake) > limit
	h.awake = now
	if slept {
		h.renew(now)
	}
	return slept
}

// again has the silence of every node begin anew.
func (h *heard) again(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.renew(now)
}

func (h *heard) renew(now time.Time) {
	for name, b := range h.beats {
		b.at = now
		h.beats[name] = b
	}
}

// last is when the node was heard last.
func (h *heard) last(name string) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.beats[name].at
}

func (h *heard) forget(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.beats, name)
}
