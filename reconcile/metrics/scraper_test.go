package metrics

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

var start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// fleet is some nodes, each with one Pod "default/web-<node>" that uses a quarter of a core since an hour ago.
type fleet struct {
	clock *clocktesting.FakeClock
	asked atomic.Int32

	mu    sync.Mutex
	nodes []string
	away  string // does not answer until the request ends
}

func (f *fleet) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodes
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

func (f *fleet) transport(node string) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		f.asked.Add(1)
		f.mu.Lock()
		away := f.away == node
		f.mu.Unlock()
		if away {
			return nil, fmt.Errorf("it is not connected")
		}
		now, began := f.clock.Now(), start.Add(-time.Hour)
		body := fmt.Sprintf(`{"node":{"nodeName":%q},"pods":[{"podRef":{"name":"web-%s","namespace":"default"},"containers":[
			{"name":"web","startTime":%q,"cpu":{"time":%q,"usageCoreNanoSeconds":%d},"memory":{"workingSetBytes":1048576}}]}]}`,
			node, node, began.Format(time.RFC3339Nano), now.Format(time.RFC3339Nano), now.Sub(began)/4)
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: request}, nil
	})
}

func newFleet(t *testing.T, nodes ...string) (*fleet, *Scraper) {
	f := &fleet{clock: clocktesting.NewFakeClock(start), nodes: nodes}
	s := NewScraper(Options{Nodes: f.names, Transport: f.transport, Clock: f.clock})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	return f, s
}

// turn lets the scraper make its next round, once it waits for it.
func (f *fleet) turn(t *testing.T, length time.Duration) {
	t.Helper()
	eventually(t, "the scraper waits for its next round", f.clock.HasWaiters)
	f.clock.Step(length)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// await asks for figures, and gives the scraper the time for its first rounds.
func (f *fleet) await(t *testing.T, s *Scraper) {
	t.Helper()
	answered := make(chan error, 1)
	go func() { answered <- s.Await(t.Context()) }()
	f.turn(t, firstWindow)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
}

func TestTheFirstQuestionWaitsForTwoRounds(t *testing.T) {
	f, s := newFleet(t, "a", "b")
	if n := f.asked.Load(); n != 0 {
		t.Fatalf("%d questions to nodes before anybody asked", n)
	}
	f.await(t, s)
	used, ok := s.Pod("a", "default", "web-a")
	if want := (Usage{NanoCores: 250_000_000, Bytes: 1 << 20, Time: start.Add(firstWindow), Window: firstWindow}); !ok || used["web"] != want {
		t.Errorf("got %+v, want %+v", used["web"], want)
	}
	if _, ok := s.Pod("a", "default", "web-b"); ok {
		t.Error("a Pod of another node has figures on this one")
	}
	if node, ok := s.Node("b"); !ok || node.NanoCores != 250_000_000 || node.Bytes != 1<<20 {
		t.Errorf("node uses %+v, want what its Pods use", node)
	}
	if err := s.Await(t.Context()); err != nil { // at once, from now on
		t.Fatal(err)
	}
}

func TestRoundsEndWhenNobodyAsks(t *testing.T) {
	f, s := newFleet(t, "a")
	f.await(t, s)
	eventually(t, "all is forgotten", func() bool {
		if f.clock.HasWaiters() {
			f.clock.Step(DefaultResolution)
		}
		_, known := s.Node("a")
		return !known
	})
	if since := f.clock.Since(start); since < idleAfter {
		t.Errorf("rounds ended after %s", since)
	}
	if f.clock.HasWaiters() {
		t.Error("there is still a timer")
	}
	f.await(t, s) // and begin again
	if _, ok := s.Node("a"); !ok {
		t.Error("no figures after a pause")
	}
}

func TestANodeThatIsAwayHasNoFigures(t *testing.T) {
	f, s := newFleet(t, "a", "b")
	f.await(t, s)
	f.mu.Lock()
	f.away = "a"
	f.mu.Unlock()
	f.turn(t, DefaultResolution)
	eventually(t, "node a has none", func() bool { _, ok := s.Node("a"); return !ok })
	if _, ok := s.Node("b"); !ok {
		t.Error("node b has none either")
	}
	f.mu.Lock()
	f.away, f.nodes = "", []string{"a"}
	f.mu.Unlock()
	f.turn(t, DefaultResolution)
	eventually(t, "node a has some again", func() bool { _, ok := s.Node("a"); return ok })
	if node, _ := s.Node("a"); node.Window != 2*DefaultResolution {
		t.Errorf("window %s, want the time since it last answered", node.Window)
	}
	if _, ok := s.Node("b"); ok {
		t.Error("a node that is gone has figures")
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	_, s := newFleet(t, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Await(ctx); err == nil {
		t.Error("no error")
	}
}
