package controller

import (
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// StatusPace is the least time between two writes of one status that only pass on what others report.
const StatusPace = 100 * time.Millisecond

// Pace spaces out the writes of each key that may wait, such as counts in a status: the first goes at once, those
// that follow it closely are gathered into one. All methods may be called concurrently.
type Pace[K comparable] struct {
	clock clock.PassiveClock
	every time.Duration

	mu   sync.Mutex
	last map[K]time.Time
}

// NewPace lets one write a key pass in each period.
func NewPace[K comparable](clock clock.PassiveClock, every time.Duration) *Pace[K] {
	return &Pace[K]{clock: clock, every: every, last: map[K]time.Time{}}
}

// Wait is how long a write that may wait should; 0 is not at all.
func (p *Pace[K]) Wait(key K) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, ok := p.last[key]
	if !ok {
		return 0
	}
	return max(0, p.every-p.clock.Since(last))
}

// Wrote notes that key was written now.
func (p *Pace[K]) Wrote(key K) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[key] = p.clock.Now()
}

// Forget drops the key, once its object is gone.
func (p *Pace[K]) Forget(key K) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.last, key)
}

// Soonest is the shorter of two waits, where 0 is none.
func Soonest(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}
