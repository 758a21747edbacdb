package probe

import (
	"container/heap"
	"context"
	"net"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
)

// Kind of a probe.
type Kind string

const (
	Startup   Kind = "startup"
	Readiness Kind = "readiness"
	Liveness  Kind = "liveness"
)

// Target is one probe of one running container.
type Target struct {
	ID        string // of the container
	Container string // its name in the Pod
	Kind      Kind
	Probe     *corev1.Probe
	Ports     []corev1.ContainerPort // what port names mean
	Host      string                 // the Pod IP
	Started   time.Time              // of the container
	// Holds is what is known before the first try: whether the probe had succeeded earlier.
	Holds bool
}

// Result is the outcome of one try.
type Result struct {
	Pod    string // as given to Keep
	Target Target
	Passed bool
	// Message says why a try failed.
	Message string
	// Turned says that the thresholds were reached, and what holds from now on is Passed.
	Turned bool
}

// Options of a Prober. All must be set.
type Options struct {
	Clock clock.Clock
	// Exec runs a command in a container and returns its exit code and output.
	Exec func(ctx context.Context, id string, command []string) (code int, output string, err error)
	// Dial connects to a port of a container.
	Dial func(ctx context.Context, id, host string, port int) (net.Conn, error)
	// Report takes results. It is called from many goroutines and should be quick.
	Report func(Result)
}

// Prober runs probes. Make it with New.
type Prober struct {
	Options
	changed chan struct{} // the heap's first entry may be another one

	mu   sync.Mutex
	due  schedule
	pods map[string]map[name]*entry
}

type name struct {
	id   string
	kind Kind
}

type entry struct {
	pod     string
	target  Target
	due     time.Time
	holds   bool // once decided
	decided bool
	latest  bool // outcome
	inRow   int  // latest outcomes of that kind that holds does not account for
	dropped bool
}

// New makes a Prober that probes nothing until Run and Keep.
func New(options Options) *Prober {
	return &Prober{Options: options, changed: make(chan struct{}, 1), pods: map[string]map[name]*entry{}}
}

// Keep says which probes a Pod has now. Those that it had already go on as they are; others end.
func (p *Prober) Keep(pod string, targets []Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(targets) == 0 && len(p.pods[pod]) == 0 {
		return
	}
	kept := map[name]*entry{}
	for _, t := range targets {
		n := name{id: t.ID, kind: t.Kind}
		if e, ok := p.pods[pod][n]; ok {
			kept[n] = e
			continue
		}
		e := &entry{pod: pod, target: t, holds: t.Holds, decided: t.Holds}
		e.due = t.Started.Add(seconds(t.Probe.InitialDelaySeconds, 0))
		if now := p.Clock.Now(); e.due.Before(now) {
			e.due = now
		}
		kept[n] = e
		heap.Push(&p.due, e)
	}
	for n, e := range p.pods[pod] {
		if kept[n] == nil {
			e.dropped = true
		}
	}
	p.pods[pod] = kept
	if len(kept) == 0 {
		delete(p.pods, pod)
	}
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Run probes until ctx ends, and returns when all tries have.
func (p *Prober) Run(ctx context.Context) {
	var tries sync.WaitGroup
	defer tries.Wait()
	for {
		wait, ready := p.next()
		for _, e := range ready {
			tries.Go(func() { p.try(ctx, e) })
		}
		var timer <-chan time.Time
		stop := func() bool { return false }
		if wait > 0 {
			t := p.Clock.NewTimer(wait)
			timer, stop = t.C(), t.Stop
		}
		select {
		case <-ctx.Done():
			stop()
			return
		case <-p.changed:
			stop()
		case <-timer:
		}
	}
}

// next takes what is due from the heap, and says how long to wait for more; 0 is until something changes.
func (p *Prober) next() (wait time.Duration, ready []*entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Clock.Now()
	for p.due.Len() > 0 {
		e := p.due[0]
		switch {
		case e.dropped:
			heap.Pop(&p.due)
		case e.due.After(now):
			return e.due.Sub(now), ready
		default:
			ready = append(ready, heap.Pop(&p.due).(*entry))
		}
	}
	return 0, ready
}

// try runs a probe once, reports, and puts it back.
func (p *Prober) try(ctx context.Context, e *entry) {
	spec := e.target.Probe
	tryCtx, cancel := context.WithTimeout(ctx, seconds(spec.TimeoutSeconds, 1))
	passed, message := p.once(tryCtx, e.target)
	cancel()
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	if e.dropped {
		p.mu.Unlock()
		return
	}
	turned := e.count(passed)
	e.due = e.due.Add(seconds(spec.PeriodSeconds, 10))
	if now := p.Clock.Now(); e.due.Before(now) {
		e.due = now.Add(seconds(spec.PeriodSeconds, 10))
	}
	heap.Push(&p.due, e)
	p.mu.Unlock()
	p.Report(Result{Pod: e.pod, Target: e.target, Passed: passed, Message: message, Turned: turned})
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// count takes in one outcome and says whether it turned what holds. A liveness probe that failed once is
// for the node to act on: it fails again only after as many tries more.
func (e *entry) count(passed bool) bool {
	if e.decided && passed == e.holds && (passed || e.target.Kind == Readiness) {
		e.inRow = 0
		return false
	}
	if passed != e.latest {
		e.inRow = 0
	}
	e.latest = passed
	e.inRow++
	needed := threshold(e.target.Probe.FailureThreshold, 3)
	if passed {
		needed = threshold(e.target.Probe.SuccessThreshold, 1)
	}
	if e.inRow < needed {
		return false
	}
	e.inRow, e.holds, e.decided = 0, passed, true
	return true
}

func threshold(n int32, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return int(n)
}

func seconds(n int32, otherwise int) time.Duration {
	return time.Duration(threshold(n, otherwise)) * time.Second
}

// schedule is a heap by due time.
type schedule []*entry

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }
func (s schedule) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(x any)        { *s = append(*s, x.(*entry)) }
func (s *schedule) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}
