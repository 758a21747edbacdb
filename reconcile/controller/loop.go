package controller

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
)

// Retries after an error wait 5 ms, then twice as long each time. The cap is far below the 1,000 s that is usual elsewhere:
// what nobody is told of waits for the next try, and a try costs one refused write.
const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// Reconcile brings what key names from its observed to its desired state. It is never called twice at once with the same
// key. An error makes it called again with back-off; without one, after > 0 makes it called again then at the latest.
type Reconcile[K comparable] func(ctx context.Context, key K) (after time.Duration, err error)

// Loop calls Reconcile for the keys that are added, from several workers. The zero value is of no use; see NewLoop.
type Loop[K comparable] struct {
	name      string
	clock     clock.WithTicker
	log       zerolog.Logger
	reconcile Reconcile[K]
	watches   []watch
	order     workqueue.Queue[K]
	queue     workqueue.TypedRateLimitingInterface[K]
}

type watch struct {
	informer cache.SharedIndexInformer
	handler  cache.ResourceEventHandler
}

// NewLoop makes a loop that is named in logs. It starts nothing.
func NewLoop[K comparable](name string, options Options, reconcile Reconcile[K]) *Loop[K] {
	return &Loop[K]{
		name:      name,
		clock:     options.Clock,
		log:       options.Logger.With().Str("controller", name).Logger(),
		reconcile: reconcile,
	}
}

// Watch has the handler called for the informer's events while the loop runs, beginning with one for each object that
// exists. Call it before Run.
func (l *Loop[K]) Watch(informer cache.SharedIndexInformer, handler cache.ResourceEventHandler) {
	l.watches = append(l.watches, watch{informer, handler})
}

// Order has the waiting keys come out as the given queue, which must be empty, has them; otherwise the first one in is the
// first one out. Call it before Run.
func (l *Loop[K]) Order(queue workqueue.Queue[K]) { l.order = queue }

// Add has key reconciled soon; adding it again before that changes nothing. Call it from handlers and from
// Reconcile only: the queue exists while the loop runs.
func (l *Loop[K]) Add(key K) { l.queue.Add(key) }

// AddAfter has key reconciled once the duration has passed. Several waits for one key are as the shortest of them.
func (l *Loop[K]) AddAfter(key K, after time.Duration) { l.queue.AddAfter(key, after) }

// Run waits until the handlers have seen all objects that existed, then reconciles until ctx ends, and returns nil once
// the last Reconcile has. An error means that a handler could not be registered; nothing has run then.
func (l *Loop[K]) Run(ctx context.Context, workers int) error {
	l.queue = workqueue.NewTypedRateLimitingQueueWithConfig(
		workqueue.NewTypedItemExponentialFailureRateLimiter[K](firstRetry, lastRetry),
		workqueue.TypedRateLimitingQueueConfig[K]{DelayingQueue: workqueue.NewTypedDelayingQueueWithConfig(
			workqueue.TypedDelayingQueueConfig[K]{Name: l.name, Clock: l.clock, Queue: workqueue.NewTypedWithConfig(
				workqueue.TypedQueueConfig[K]{Name: l.name, Clock: l.clock, Queue: l.order})})})
	defer l.queue.ShutDown()

	var synced []cache.DoneChecker
	for _, w := range l.watches {
		registration, err := w.informer.AddEventHandler(w.handler)
		if err != nil {
			return fmt.Errorf("watch for controller %s: %w", l.name, err)
		}
		defer func() { _ = w.informer.RemoveEventHandler(registration) }()
		synced = append(synced, registration.HasSyncedChecker())
	}
	if !cache.WaitFor(ctx, "", synced...) {
		return nil
	}

	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for l.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	l.queue.ShutDown()
	running.Wait()
	return nil
}

// next reconciles one key, and is false once the queue is shut down.
func (l *Loop[K]) next(ctx context.Context) bool {
	key, down := l.queue.Get()
	if down {
		return false
	}
	defer l.queue.Done(key)
	if ctx.Err() != nil {
		return true
	}
	after, err := l.recovered(ctx, key)
	switch {
	case err != nil && ctx.Err() != nil: // cut short by the end of the loop
	case err != nil:
		l.report(key, err)
		l.queue.AddRateLimited(key)
	default:
		l.queue.Forget(key)
		if after > 0 {
			l.queue.AddAfter(key, after)
		}
	}
	return true
}

// recovered reconciles, and turns a panic into an error: one bad object must not stop the others.
func (l *Loop[K]) recovered(ctx context.Context, key K) (after time.Duration, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
	}()
	return l.reconcile(ctx, key)
}

// report logs an error that will be retried. A conflict is no news: somebody else wrote first, and the next try sees it.
func (l *Loop[K]) report(key K, err error) {
	event := l.log.Warn()
	if apierrors.IsConflict(err) {
		event = l.log.Debug()
	}
	var panicked *panicError
	if errors.As(err, &panicked) {
		event = l.log.Error().Bytes("stack", panicked.stack)
	}
	event.Err(err).Str("key", fmt.Sprint(key)).Int("retries", l.queue.NumRequeues(key)).Msg("reconcile failed")
}

type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
