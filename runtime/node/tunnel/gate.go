package tunnel

import (
	"net/http"
	"sync"
)

// gate holds requests back while the server is away: without it each would fail, be logged and be tried again, and would wait out
// its back-off when the server is long back.
type gate struct {
	mu     sync.Mutex
	opened chan struct{} // closed while requests may pass
}

func newGate() *gate { return &gate{opened: make(chan struct{})} }

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.isOpen() {
		close(g.opened)
	}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isOpen() {
		g.opened = make(chan struct{})
	}
}

func (g *gate) isOpen() bool {
	select {
	case <-g.opened:
		return true
	default:
		return false
	}
}

func (g *gate) passable() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened
}

// Transport holds requests back until the tunnel stands, or until their own context ends.
func (t *Tunnel) Transport(next http.RoundTripper) http.RoundTripper { return gated{t.gate, next} }

type gated struct {
	gate *gate
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (g gated) RoundTrip(request *http.Request) (*http.Response, error) {
	select {
	case <-g.gate.passable():
		return g.next.RoundTrip(request)
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
}

// WrappedRoundTripper lets client-go find what it should close.
func (g gated) WrappedRoundTripper() http.RoundTripper { return g.next }
