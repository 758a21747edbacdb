package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	// DefaultResolution is the time between two rounds.
	DefaultResolution = 15 * time.Second

	firstWindow  = 2 * time.Second // between the first two rounds: somebody waits
	idleAfter    = 3 * time.Minute // without a question, rounds end
	nodeDeadline = 5 * time.Second // for one node's answer; one that is away holds up no other
	atOnce       = 32              // nodes that are asked at a time
	largest      = 64 << 20        // bytes of a summary
)

// Options of a Scraper. All but Resolution must be set.
type Options struct {
	// Nodes are the names of those to ask.
	Nodes func() []string
	// Transport speaks HTTP to a node. It is used for one request.
	Transport func(node string) http.RoundTripper
	Clock     clock.WithDelayedExecution
	// Resolution is the time between two rounds; 0 is DefaultResolution.
	Resolution time.Duration
}

// Scraper keeps the last two samples of each node while they are wanted. It is safe for concurrent use.
type Scraper struct {
	options Options
	wake    chan struct{}

	mu    sync.Mutex
	asked time.Time     // last
	ready chan struct{} // closed once there are two samples; nil while idle
	nodes map[string]*history
}

// NewScraper starts nothing; see Run.
func NewScraper(options Options) *Scraper {
	if options.Resolution == 0 {
		options.Resolution = DefaultResolution
	}
	return &Scraper{options: options, wake: make(chan struct{}, 1), nodes: map[string]*history{}}
}

// Await notes that somebody wants figures, and returns once there are any: at once, or, after a time without questions, after
// the first two rounds. It fails only if ctx ends before.
func (s *Scraper) Await(ctx context.Context) error {
	s.mu.Lock()
	s.asked = s.options.Clock.Now()
	if s.ready == nil {
		s.ready = make(chan struct{})
		s.wake <- struct{}{}
	}
	ready := s.ready
	s.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the figures of the nodes: %w", context.Cause(ctx))
	}
}

// Pod is the use of each container of a Pod on that node, if it is known.
func (s *Scraper) Pod(node, namespace, name string) (map[string]Usage, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[node].pod(podName{namespace, name}, s.options.Resolution)
}

// Node is the use of a machine, if it is known.
func (s *Scraper) Node(name string) (Usage, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[name].node(s.options.Resolution)
}

// Run makes rounds whenever they are wanted, until ctx ends.
func (s *Scraper) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			s.work(ctx)
		}
	}
}

// work makes rounds until nobody has asked for a while.
func (s *Scraper) work(ctx context.Context) {
	s.round(ctx)
	if !s.pause(ctx, min(firstWindow, s.options.Resolution)) {
		return
	}
	s.round(ctx)
	s.mu.Lock()
	close(s.ready)
	s.mu.Unlock()
	for s.pause(ctx, s.options.Resolution) && s.wanted() {
		s.round(ctx)
	}
}

func (s *Scraper) pause(ctx context.Context, length time.Duration) bool {
	timer := s.options.Clock.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-ctx.Done():
		return false
	}
}

// wanted is whether to go on. If not, it forgets everything.
func (s *Scraper) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.options.Clock.Since(s.asked) <= idleAfter {
		return true
	}
	s.ready, s.nodes = nil, map[string]*history{}
	return false
}

// round asks all nodes, and keeps what they say. Nodes that are gone are forgotten, with what their Pods used.
func (s *Scraper) round(ctx context.Context) {
	names := s.options.Nodes()
	samples := make([]*sample, len(names))
	var asking sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i, name := range names {
		turns <- struct{}{}
		asking.Go(func() {
			defer func() { <-turns }()
			if sample, err := s.ask(ctx, name); err == nil { // one that does not answer shows as NotReady elsewhere
				samples[i] = sample
			}
		})
	}
	asking.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.nodes
	s.nodes = make(map[string]*history, len(names))
	for i, name := range names {
		kept := before[name]
		if kept == nil {
			kept = &history{}
		}
		kept.add(samples[i])
		if kept.last != nil && s.options.Clock.Since(kept.last.at) < idleAfter {
			s.nodes[name] = kept
		}
	}
}

func (s *Scraper) ask(ctx context.Context, node string) (*sample, error) {
	ctx, cancel := context.WithTimeout(ctx, nodeDeadline)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+node+"/stats/summary", nil)
	if err != nil {
		return nil, fmt.Errorf("ask node %s: %w", node, err)
	}
	response, err := s.options.Transport(node).RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("ask node %s: %w", node, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask node %s: it answers %s", node, response.Status)
	}
	body := &io.LimitedReader{R: response.Body, N: largest}
	var read summary
	if err := json.NewDecoder(body).Decode(&read); err != nil {
		if body.N == 0 {
			err = errors.New("its answer is too long")
		}
		return nil, fmt.Errorf("read the figures of node %s: %w", node, err)
	}
	return read.sample(s.options.Clock.Now()), nil
}
