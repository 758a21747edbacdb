package nodes

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/controller"
)

// What the zero values of Options mean.
const (
	DefaultGracePeriod = 40 * time.Second
	DefaultQuarantine  = 40 * time.Second
)

// Options of the controller. Those of controller.Options must be set.
type Options struct {
	controller.Options
	// GracePeriod is how long a node may be silent before it is Unknown. It should be several times the period of its Lease.
	GracePeriod time.Duration
	// Quarantine is how long Pods are kept whose node does not exist.
	Quarantine time.Duration
}

// Controller watches over nodes.
type Controller struct {
	client     kubernetes.Interface
	recorder   record.EventRecorder
	clock      clock.PassiveClock
	log        zerolog.Logger
	grace      time.Duration
	quarantine time.Duration
	lister     corelisters.NodeLister
	pods       cache.SharedIndexInformer
	broken     error // of setting up, returned by Run

	nodeLoop *controller.Loop[string]
	podLoop  *controller.Loop[cache.ObjectName]
	heard    heard
	fleet    fleet
}

// byNode is the index of Pods by spec.nodeName.
const byNode = "coracle.dev/node"

// New makes the controller. It starts nothing.
func New(options Options) *Controller {
	core := options.Informers.Core().V1()
	c := &Controller{
		client:     options.Client,
		recorder:   options.Recorder,
		clock:      options.Clock,
		log:        options.Logger.With().Str("controller", "nodes").Logger(),
		grace:      options.GracePeriod,
		quarantine: options.Quarantine,
		lister:     core.Nodes().Lister(),
		pods:       core.Pods().Informer(),
		heard:      heard{beats: map[string]beat{}},
		fleet:      newFleet(),
	}
	if c.grace == 0 {
		c.grace = DefaultGracePeriod
	}
	if c.quarantine == 0 {
		c.quarantine = DefaultQuarantine
	}
	c.broken = c.pods.AddIndexers(cache.Indexers{byNode: func(obj any) ([]string, error) {
		return []string{obj.(*corev1.Pod).Spec.NodeName}, nil
	}})
	c.nodeLoop = controller.NewLoop("nodes", options.Options, c.reconcileNode)
	c.nodeLoop.Watch(options.Informers.Coordination().V1().Leases().Informer(), controller.Handler[*coordinationv1.Lease]{
		Added:   c.leaseSeen,
		Updated: func(_, lease *coordinationv1.Lease) { c.leaseSeen(lease) },
	})
	c.nodeLoop.Watch(core.Nodes().Informer(), controller.Handler[*corev1.Node]{
		Added:   func(node *corev1.Node) { c.nodeSeen(node); c.nodeLoop.Add(node.Name) },
		Updated: func(_, node *corev1.Node) { c.nodeSeen(node); c.nodeLoop.Add(node.Name) },
		Deleted: func(node *corev1.Node) { c.heard.forget(node.Name) },
	})
	c.podLoop = controller.NewLoop("nodes/pods", options.Options, c.reconcilePod)
	c.podLoop.Watch(core.Nodes().Informer(), c.fleetEvents())
	c.podLoop.Watch(c.pods, controller.Handler[*corev1.Pod]{
		Added: func(pod *corev1.Pod) { c.podLoop.Add(controller.KeyOf(pod)) },
		Updated: func(old, pod *corev1.Pod) {
			if old.Spec.NodeName != pod.Spec.NodeName || (old.DeletionTimestamp == nil) != (pod.DeletionTimestamp == nil) ||
				!equality.Semantic.DeepEqual(old.Spec.Tolerations, pod.Spec.Tolerations) {
				c.podLoop.Add(controller.KeyOf(pod))
			}
		},
	})
	return c
}

// Run watches over nodes until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) error {
	if c.broken != nil {
		return c.broken
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	errs := make([]error, 2)
	for i, run := range []func(context.Context, int) error{c.nodeLoop.Run, c.podLoop.Run} {
		running.Go(func() {
			defer stop() // if one cannot begin, the other ends
			errs[i] = run(ctx, workers)
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

func (c *Controller) leaseSeen(lease *coordinationv1.Lease) {
	if lease.Namespace == corev1.NamespaceNodeLease {
		c.heard.lease(lease, c.clock.Now())
	}
}

func (c *Controller) nodeSeen(node *corev1.Node) { c.heard.node(node, c.clock.Now()) }

// podsOn are the Pods bound to the node.
func (c *Controller) podsOn(name string) []*corev1.Pod {
	objects, err := c.pods.GetIndexer().ByIndex(byNode, name)
	if err != nil {
		return nil // only without the index, and then Run has said so
	}
	pods := make([]*corev1.Pod, len(objects))
	for i, obj := range objects {
		pods[i] = obj.(*corev1.Pod)
	}
	return pods
}
