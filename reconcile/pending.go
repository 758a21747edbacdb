package reconcile

import (
	"sync"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
	"coracle.dev/coracle/reconcile/manifest"
)

// pending collects what an application has to look at, from any goroutine, until its own takes it. It holds keys and flags, never
// events: however much happens, it stays small, and the latest state is what counts.
type pending struct {
	wake chan struct{} // of capacity 1

	mu   sync.Mutex
	work work
}

// work is what is to be done.
type work struct {
	app     *v1alpha1.Application // as it is now; nil if unchanged
	source  bool                  // the source may have something new
	fetched *fetched              // what the source answered; nil if it did not
	members map[manifest.Key]bool // objects that may have drifted
	health  bool                  // the status of some object changed
}

func newPending() *pending { return &pending{wake: make(chan struct{}, 1)} }

func (p *pending) add(change func(*work)) {
	p.mu.Lock()
	change(&p.work)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *pending) application(app *v1alpha1.Application) { p.add(func(w *work) { w.app = app }) }

func (p *pending) source() { p.add(func(w *work) { w.source = true }) }

func (p *pending) answer(f *fetched) { p.add(func(w *work) { w.fetched = f }) }

func (p *pending) member(change memberChange) {
	p.add(func(w *work) {
		w.health = true
		if change.statusOnly {
			return
		}
		if w.members == nil {
			w.members = map[manifest.Key]bool{}
		}
		w.members[change.key] = true
	})
}

// take empties it.
func (p *pending) take() work {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.work
	p.work = work{}
	return taken
}

// urgent says whether there is something that is not better collected for a moment.
func (p *pending) urgent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.work.app != nil || p.work.source || p.work.fetched != nil
}
