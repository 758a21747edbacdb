package scheduler

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/controller"
)

// Options are what every controller is made of.
type Options = controller.Options

// Controller gives Pods their nodes. Deciding is one at a time, under a lock; the API writes that follow run at once, as
// many as there are workers, so a Pod counts as placed from the decision on.
type Controller struct {
	client   kubernetes.Interface
	recorder record.EventRecorder
	clock    clock.PassiveClock
	log      zerolog.Logger
	pods     corelisters.PodLister
	loop     *controller.Loop[key]

	mu       sync.Mutex
	state    *State
	assumed  map[types.UID]string // node by Pod that is being bound, or whose binding the informer does not show yet
	waiting  map[key]waiter       // Pods that fit nowhere
	reported map[types.UID]string // what the last event of a Pod said
	attempts attempts
}

// waiter is a Pod with why it was turned away.
type waiter struct {
	pod    *Pod
	causes Cause
}

// New makes the scheduler. It starts nothing.
func New(options Options) *Controller {
	core := options.Informers.Core().V1()
	c := &Controller{
		client:   options.Client,
		recorder: options.Recorder,
		clock:    options.Clock,
		log:      options.Logger.With().Str("controller", "scheduler").Logger(),
		pods:     core.Pods().Lister(),
		state:    NewState(),
		assumed:  map[types.UID]string{},
		waiting:  map[key]waiter{},
		reported: map[types.UID]string{},
		attempts: attempts{},
	}
	c.loop = controller.NewLoop("scheduler", options, c.schedule)
	c.loop.Order(&turns{})
	c.loop.Watch(core.Nodes().Informer(), c.nodeEvents())
	c.loop.Watch(core.Namespaces().Informer(), c.namespaceEvents())
	c.loop.Watch(core.Pods().Informer(), c.podEvents())
	c.loop.Watch(options.Informers.Policy().V1().PodDisruptionBudgets().Informer(), c.budgetEvents())
	return c
}

// Run places Pods until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) error { return c.loop.Run(ctx, workers) }

// schedule decides about one Pod and carries the decision out.
func (c *Controller) schedule(ctx context.Context, k key) (time.Duration, error) {
	object, err := c.pods.Pods(k.namespace).Get(k.name)
	if apierrors.IsNotFound(err) || err == nil && (object.UID != k.uid || !pending(object)) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("get pod: %w", err)
	}
	if len(object.Spec.SchedulingGates) > 0 {
		return 0, c.reportGated(ctx, object)
	}
	pod, err := NewPod(object)
	if err != nil {
		return 0, c.reportUnschedulable(ctx, object, err.Error(), "")
	}
	decision, due := c.decide(k, pod)
	switch {
	case !due:
		return 0, nil
	case decision.Node != "":
		return 0, c.bind(ctx, object, decision.Node)
	}
	if err := c.reportUnschedulable(ctx, object, decision.Message(), decision.Preemption.Nominated); err != nil {
		return 0, err
	}
	return 0, c.evict(ctx, object, decision.Preemption)
}

// decide plans, and takes over the outcome in the same step, so that no event gets lost in between. It reports false if the
// Pod has been given a node meanwhile.
func (c *Controller) decide(k key, pod *Pod) (Decision, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, placed := c.state.pods[pod.UID]; placed {
		return Decision{}, false
	}
	decision := Plan(c.state, pod)
	if decision.Node != "" {
		delete(c.waiting, k)
		c.assumed[pod.UID] = decision.Node
		c.state.Place(pod, decision.Node)
		c.wake(arrivalHelps)
		return decision, true
	}
	before, now := c.state.nominees[pod.UID].node, decision.Preemption.Nominated
	c.state.Nominate(pod, now)
	if before != "" && before != now {
		c.vacated(before)
	}
	c.waiting[k] = waiter{pod, decision.Causes}
	c.attempts.failed(pod.UID, c.clock.Now())
	for _, victim := range decision.Preemption.Victims {
		c.state.Condemn(victim)
	}
	return decision, true
}

// wake has the Pods tried again that wait for one of the causes to go. The caller holds the lock.
func (c *Controller) wake(helped Cause) {
	if helped == 0 {
		return
	}
	for k, w := range c.waiting {
		if w.causes&helped != 0 {
			c.retry(k)
		}
	}
}

// vacated has the Pods tried again that the departure of one from a node could help. Those that wait for room are many where a
// fleet is full, so only those are that may find it there. The caller holds the lock.
func (c *Controller) vacated(nodeName string) {
	for k, w := range c.waiting {
		if w.causes&departureHelps&^CauseResources != 0 || w.causes&CauseResources != 0 && c.state.mayFit(w.pod, nodeName) {
			c.retry(k)
		}
	}
}

func (c *Controller) retry(k key) {
	delete(c.waiting, k)
	c.loop.AddAfter(k, c.attempts.wait(k.uid, c.clock.Now()))
}

// pending reports whether a Pod is the scheduler's to place.
func pending(pod *corev1.Pod) bool {
	return pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil && !controller.PodFinished(pod) &&
		(pod.Spec.SchedulerName == corev1.DefaultSchedulerName || pod.Spec.SchedulerName == "")
}

// settled reports whether a Pod uses a node.
func settled(pod *corev1.Pod) bool {
	return pod.Spec.NodeName != "" && !controller.PodFinished(pod)
}
