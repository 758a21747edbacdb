package certificates

import (
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// heard remembers when each node's Lease was last seen renewed, by the clock of this process: what a machine's own clock says
// does not matter. The Lease that is there at the start is not news.
type heard struct {
	mu    sync.Mutex
	since time.Time
	beats map[string]beat
}

type beat struct {
	renewed metav1.MicroTime
	at      time.Time // zero before the first renewal
}

func (h *heard) lease(lease *coordinationv1.Lease, now time.Time) {
	if lease.Namespace != corev1.NamespaceNodeLease || lease.Spec.RenewTime == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	before, known := h.beats[lease.Name]
	next := beat{renewed: *lease.Spec.RenewTime, at: before.at}
	// One that comes later than the first few is of a node that has just begun.
	if known && !before.renewed.Equal(&next.renewed) || !known && lease.CreationTimestamp.After(h.since) {
		next.at = now
	}
	h.beats[lease.Name] = next
}

// last is when the node was heard; zero if not yet.
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
