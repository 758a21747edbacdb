package nodes

import (
	"context"
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
	// Limits are how fast lost nodes are emptied; the zero value is DefaultLimits.
	Limits Limits
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

	loop  *controller.Loop[cache.ObjectName] // of nodes, which have no namespace, and of Pods
	heard heard
	fleet fleet
}

// pulse is the key by which the controller notices that it itself has slept.
var pulse = cache.ObjectName{}

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
		fleet:      newFleet(options.Limits),
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
	c.loop = controller.NewLoop("nodes", options.Options, c.reconcile)
	c.loop.Watch(options.Informers.Coordination().V1().Leases().Informer(), controller.Handler[*coordinationv1.Lease]{
		Added:   c.leaseSeen,
		Updated: func(_, lease *coordinationv1.Lease) { c.leaseSeen(lease) },
	})
	c.loop.Watch(core.Nodes().Informer(), controller.Handler[*corev1.Node]{
		Added:   func(node *corev1.Node) { c.nodeSeen(nil, node) },
		Updated: c.nodeSeen,
		Deleted: c.nodeGone,
	})
	c.loop.Watch(c.pods, controller.Handler[*corev1.Pod]{
		Added: func(pod *corev1.Pod) { c.loop.Add(controller.KeyOf(pod)) },
		Updated: func(old, pod *corev1.Pod) {
			if old.Spec.NodeName != pod.Spec.NodeName || (old.DeletionTimestamp == nil) != (pod.DeletionTimestamp == nil) ||
				!equality.Semantic.DeepEqual(old.Spec.Tolerations, pod.Spec.Tolerations) {
				c.loop.Add(controller.KeyOf(pod))
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
	return c.loop.Run(ctx, workers)
}

func (c *Controller) leaseSeen(lease *coordinationv1.Lease) {
	if lease.Namespace == corev1.NamespaceNodeLease {
		c.heard.lease(lease, c.clock.Now())
	}
}

// nodeSeen takes over a node as the informer shows it; old is nil for the first time. It queues the Pods of a node whose taints
// drive out others than before, and all lost nodes with their Pods when that changes which of them may be emptied.
func (c *Controller) nodeSeen(old, node *corev1.Node) {
	now := c.clock.Now()
	c.heard.node(node, now)
	change := c.fleet.set(node, now)
	if change == returned {
		c.heard.again(now)
	}
	if change != same {
		c.addLost()
	}
	c.loop.Add(keyOf(node.Name))
	c.loop.Add(pulse)
	if old == nil || !equality.Semantic.DeepEqual(expelling(old), expelling(node)) || outOfService(old) != outOfService(node) {
		c.addPods(node.Name)
	}
}

func (c *Controller) nodeGone(node *corev1.Node) {
	c.heard.forget(node.Name)
	if c.fleet.remove(node.Name, c.clock.Now()) != same {
		c.addLost()
	}
	c.addPods(node.Name)
}

func (c *Controller) addPods(nodeName string) {
	for _, pod := range c.podsOn(nodeName) {
		c.loop.Add(controller.KeyOf(pod))
	}
}

// addLost queues each node that is not ready, and the Pods that a taint drives out of it.
func (c *Controller) addLost() {
	nodes, err := c.lister.List(everything)
	if err != nil {
		return // only if the informer's store were broken
	}
	for _, node := range nodes {
		if status(node, corev1.NodeReady) != corev1.ConditionTrue {
			c.loop.Add(keyOf(node.Name))
		}
		if len(expelling(node)) > 0 {
			c.addPods(node.Name)
		}
	}
}

// keyOf is the key of a node.
func keyOf(nodeName string) cache.ObjectName { return cache.NewObjectName("", nodeName) }

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
