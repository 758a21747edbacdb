package node

import (
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// health is whether the engine answers.
type health struct {
	clock  clock.Clock
	turned chan struct{} // gets a value when the engine came back or went away

	mu    sync.Mutex
	up    bool
	since time.Time // of the last change
	why   string    // while down
}

func newHealth(clock clock.Clock) *health {
	return &health{clock: clock, turned: make(chan struct{}, 1), since: clock.Now(), why: "the container engine has not answered yet"}
}

// set takes in the outcome of a call; nil is up. It says whether that is a change.
func (h *health) set(err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	up := err == nil
	if !up {
		h.why = err.Error()
	}
	if up == h.up {
		return false
	}
	h.up, h.since = up, h.clock.Now()
	select {
	case h.turned <- struct{}{}:
	default:
	}
	return true
}

// get returns since when the engine is up or down, and why it is down.
func (h *health) get() (up bool, since time.Time, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.up, h.since, h.why
}
