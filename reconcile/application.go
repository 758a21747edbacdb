package reconcile

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"
	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
	"coracle.dev/coracle/reconcile/manifest"
)

// application is the work on one Application, all in one goroutine. Others only add to pending.
type application struct {
	loop    *Loop
	log     zerolog.Logger
	setID   string
	name    string // "namespace/name"
	stop    context.CancelFunc
	pending *pending

	app         *v1alpha1.Application // as the API has it, with the status that was written last
	source      gitsource.Source
	closeSource func()
	using       sync.WaitGroup // goroutines that use the source
	looking     looking
	asked       string // value of the annotation that asks for a sync
	cache       manifest.Cache
	memory      memory
	fights      fights
	facts       facts

	loaded  loaded
	applied map[manifest.Key]string // digests
	stamps  map[manifest.Key]stamp
	// told are failures that an event told of already.
	told    map[string]bool
	judged  map[manifest.Key]judgement
	newest  map[manifest.Key]string // resource versions that were written, until a watch shows them
	written v1alpha1.ApplicationStatus
	wroteAt time.Time

	membership membership // as it is on the Application, or is being written there

	timers timers
}

// loaded is what the source last gave.
type loaded struct {
	revision Revision
	objects  []manifest.Object
	problems []string
}

// timers are when to look again by itself; zero is never.
type timers struct {
	retry    time.Time // after a failure
	attempts int
	resync   time.Time // compare everything, in case a change was missed
	health   time.Time // while something is not healthy
	fights   time.Time // an object whose correction is put off
	write    time.Time // of a status that was held back
}

const (
	resyncEvery    = 10 * time.Minute
	healthEvery    = 2 * time.Second
	shortestRetry  = time.Second
	longestRetry   = time.Minute
	statusInterval = 500 * time.Millisecond // between writes that change no more than a message
)

func newApplication(l *Loop, app *v1alpha1.Application, stop context.CancelFunc) *application {
	name := app.Namespace + "/" + app.Name
	return &application{
		loop: l, log: l.Log.With().Str("app", name).Logger(), name: name, setID: SetID(app.Namespace, app.Name), stop: stop, pending: newPending(),
		applied: map[manifest.Key]string{}, stamps: map[manifest.Key]stamp{}, told: map[string]bool{}, judged: map[manifest.Key]judgement{}, newest: map[manifest.Key]string{},
	}
}

func (a *application) run(ctx context.Context) {
	defer a.loop.watches.release(a.setID)
	defer func() { a.dropSource() }()
	for {
		if !a.wait(ctx) {
			return
		}
		a.step(ctx)
	}
}

// wait returns when there is something to do; false means that ctx has ended. Changes of the cluster come in bursts, so it waits
// a moment for more of them.
func (a *application) wait(ctx context.Context) bool {
	clock := a.loop.Clock
	var due <-chan time.Time
	if at := a.timers.next(); !at.IsZero() {
		timer := clock.NewTimer(max(0, at.Sub(clock.Now())))
		defer timer.Stop()
		due = timer.C()
	}
	select {
	case <-ctx.Done():
		return false
	case <-due:
		return true
	case <-a.pending.wake:
	}
	if a.pending.urgent() {
		return true
	}
	more := clock.NewTimer(debounce)
	defer more.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-more.C():
		return true
	}
}

func (t timers) next() time.Time {
	var first time.Time
	for _, at := range []time.Time{t.retry, t.resync, t.health, t.fights, t.write} {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// step does what is pending. A panic is this Application's own trouble: it is told, and tried again later.
func (a *application) step(ctx context.Context) {
	defer func() {
		if panicked := recover(); panicked != nil {
			a.log.Error().Str("panic", fmt.Sprint(panicked)).Str("stack", string(debug.Stack())).Msg("application failed")
			a.facts.syncErr = fmt.Errorf("internal error: %v", panicked)
			a.timers.attempts = 10
			a.retryLater()
			a.publish(ctx)
		}
	}()
	todo, now := a.pending.take(), a.loop.Clock.Now()
	if todo.app != nil {
		a.take(todo.app)
	}
	if a.app == nil {
		return
	}
	a.asked = a.app.Annotations[v1alpha1.SyncRequestedAnnotation]
	requested := a.asked != "" && a.asked != a.facts.handled
	again := due(a.timers.retry, now) || due(a.timers.resync, now) || requested
	if todo.fetched != nil {
		a.arrived(ctx, todo.fetched)
	}
	if again || todo.source || a.source == nil && a.timers.retry.IsZero() {
		a.look(ctx, again)
	}
	if len(todo.members) > 0 || due(a.timers.fights, now) {
		a.correctDrift(ctx, todo.members)
	}
	if ctx.Err() == nil {
		a.checkHealth(ctx)
		a.publish(ctx)
	}
}

// take adopts a new state of the Application. A spec that changed means another source.
func (a *application) take(app *v1alpha1.Application) {
	fresh := app.DeepCopy()
	if a.app == nil {
		a.facts.handled, a.membership = fresh.Status.SyncHandled, readMembership(fresh)
		a.written = *fresh.Status.DeepCopy()
		if fresh.Status.Revision != nil {
			a.facts.applied = &Revision{ID: fresh.Status.Revision.ID, Subject: fresh.Status.Revision.Subject, Author: fresh.Status.Revision.Author}
			if fresh.Status.Revision.Time != nil {
				a.facts.applied.Time = fresh.Status.Revision.Time.Time
			}
		}
	} else {
		fresh.Status = a.app.Status // what is on its way back is older than what was written
		if !apiequality.Semantic.DeepEqual(fresh.Spec, a.app.Spec) {
			a.dropSource()
			a.loaded, a.timers = loaded{}, timers{}
			a.facts.sourceErr, a.facts.syncErr = nil, nil
		}
	}
	a.facts.generation = fresh.Generation
	a.app = fresh
}

// openSource opens the source, and watches it.
func (a *application) openSource(ctx context.Context) error {
	source, err := a.loop.NewSource(a.app)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	a.source, a.looking = source, looking{}
	a.using.Go(func() {
		err := guarded(func() error { return source.Watch(watching, a.pending.source) })
		if err != nil && watching.Err() == nil {
			a.log.Warn().Err(err).Msg("source cannot be watched")
		}
	})
	a.closeSource = func() {
		stop()
		if err := source.Close(); err != nil {
			a.log.Warn().Err(err).Msg("source does not close")
		}
		a.using.Wait()
	}
	return nil
}

func (a *application) dropSource() {
	if a.source != nil {
		a.closeSource()
		a.source = nil
	}
}

// guarded makes a panic an error.
func guarded(do func() error) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("internal error: %v", panicked)
		}
	}()
	return do()
}

func (a *application) sourceFailed(err error) {
	if a.facts.sourceErr == nil || a.facts.sourceErr.Error() != err.Error() {
		a.log.Warn().Err(err).Msg("source failed")
		a.warn(EventSourceFailed, err.Error())
	}
	a.facts.sourceErr = err
	a.retryLater()
}

// retryLater doubles the pause with each failure in a row.
func (a *application) retryLater() {
	pause := min(longestRetry, shortestRetry<<min(a.timers.attempts, 10))
	a.timers.attempts++
	a.timers.retry = a.loop.Clock.Now().Add(pause)
}
