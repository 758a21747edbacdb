package resourcequota

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/api/quota"
	"coracle.dev/coracle/reconcile/controller"
)

// Source is a resource whose objects quotas count. Its informer has the whole objects of Pods and Services, and at least the
// metadata of others.
type Source struct {
	schema.GroupVersionResource
	Informer cache.SharedIndexInformer
}

// Options of the controller. All fields must be set.
type Options struct {
	controller.Options
	Sources []Source
}

// Controller keeps the status of all quotas.
type Controller struct {
	client  kubernetes.Interface
	store   cache.Store
	quotas  corelisters.ResourceQuotaLister
	sources []source
	clock   clock.PassiveClock
	loop    *controller.Loop[cache.ObjectName]
	lag     controller.Lag[cache.ObjectName]

	mu      sync.Mutex
	charges map[cache.ObjectName]charge
}

// charge is what was used when a quota was last looked at or written here, and when it was last seen to be charged.
type charge struct {
	used corev1.ResourceList
	at   time.Time
}

type source struct {
	meter   quota.Meter
	indexer cache.Indexer
}

// New makes the controller. It starts nothing.
func New(options Options) *Controller {
	informer := options.Informers.Core().V1().ResourceQuotas()
	c := &Controller{
		client:  options.Client,
		store:   informer.Informer().GetStore(),
		quotas:  informer.Lister(),
		clock:   options.Clock,
		charges: map[cache.ObjectName]charge{},
	}
	c.loop = controller.NewLoop("resourcequota", options.Options, c.reconcile)
	c.loop.Watch(informer.Informer(), controller.On(func(q *corev1.ResourceQuota) { c.loop.Add(controller.KeyOf(q)) }))
	for _, each := range options.Sources {
		meter := quota.For(each.GroupResource())
		c.sources = append(c.sources, source{meter, each.Informer.GetIndexer()})
		c.loop.Watch(each.Informer, c.handler(meter))
	}
	return c
}

// Run keeps the statuses until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) error { return c.loop.Run(ctx, workers) }

// charged is when the quota was last charged, as far as it was looked at: so never before a charge that its usage shows. What is
// used when it is first looked at, after a start, may have been charged just now.
func (c *Controller) charged(key cache.ObjectName, q *corev1.ResourceQuota, now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.charges[key]
	if rose(last.used, q.Status.Used) {
		last.at = now
	}
	last.used = q.Status.Used
	c.charges[key] = last
	return last.at
}

// wrote notes a usage that is no charge.
func (c *Controller) wrote(key cache.ObjectName, used corev1.ResourceList) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.charges[key]
	last.used = used
	c.charges[key] = last
}

func (c *Controller) forget(key cache.ObjectName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.charges, key)
	c.lag.Forget(key)
}

func rose(before, after corev1.ResourceList) bool {
	for name, amount := range after {
		if amount.Cmp(before[name]) > 0 {
			return true
		}
	}
	return false
}

// handler has the quotas of a changed object's namespace counted again: at once if that may make room, and otherwise
// once the dust of many changes has settled, for what is new was charged already.
func (c *Controller) handler(meter quota.Meter) cache.ResourceEventHandler {
	soon, later := c.loop.Add, func(key cache.ObjectName) { c.loop.AddAfter(key, settle) }
	return controller.Handler[metav1.Object]{
		Added: func(obj metav1.Object) { c.each(obj, meter, later) },
		Updated: func(old, obj metav1.Object) {
			if meter.Changes() {
				c.each(obj, meter, func(key cache.ObjectName) {
					if c.counts(meter, old, obj) {
						soon(key)
					}
				})
			}
		},
		Deleted: func(obj metav1.Object) { c.each(obj, meter, soon) },
	}
}

// each calls add with the quotas of the object's namespace that bound what such objects use.
func (c *Controller) each(obj metav1.Object, meter quota.Meter, add func(key cache.ObjectName)) {
	if obj.GetNamespace() == "" {
		return
	}
	quotas, err := c.quotas.ResourceQuotas(obj.GetNamespace()).List(labels.Everything())
	if err != nil {
		return // listers of a cache have none
	}
	for _, q := range quotas {
		if tracks(meter, &q.Spec) {
			add(controller.KeyOf(q))
		}
	}
}

// counts reports whether the change of an object may matter to a quota: to what it uses, to its scopes, or to when it stops
// counting.
func (c *Controller) counts(meter quota.Meter, old, obj metav1.Object) bool {
	before, after := old.(runtime.Object), obj.(runtime.Object)
	if old.GetDeletionTimestamp() == nil && obj.GetDeletionTimestamp() != nil {
		return true
	}
	deadline := corev1.ScopedResourceSelectorRequirement{ScopeName: corev1.ResourceQuotaScopeTerminating, Operator: corev1.ScopeSelectorOpExists}
	if meter.InScope(before, deadline) != meter.InScope(after, deadline) { // the one scope that a Pod can enter
		return true
	}
	now := c.clock.Now()
	return !quota.Equal(meter.Usage(before, now), meter.Usage(after, now))
}

func (c *Controller) reconcile(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	obj, exists, err := c.store.GetByKey(key.String())
	if err != nil {
		return 0, fmt.Errorf("get quota %s: %w", key, err)
	}
	if !exists {
		c.forget(key)
		return 0, nil
	}
	if c.lag.Behind(key) {
		return controller.LagCheck, nil
	}
	q, now := obj.(*corev1.ResourceQuota), c.clock.Now()
	objects, err := c.observe(q)
	if err != nil {
		return 0, err
	}
	counted, next := Count(&q.Spec, objects, now)
	plan := Decide(q, counted, next, c.charged(key, q, now), now)
	return plan.After, c.write(ctx, key, q, plan.Status)
}

// observe gathers the objects that may use what the quota bounds.
func (c *Controller) observe(q *corev1.ResourceQuota) ([]Objects, error) {
	var found []Objects
	for _, each := range c.sources {
		if !tracks(each.meter, &q.Spec) {
			continue
		}
		items, err := each.indexer.ByIndex(cache.NamespaceIndex, q.Namespace)
		if err != nil {
			return nil, fmt.Errorf("list %s of %s: %w", each.meter.Resource, q.Namespace, err)
		}
		objects := Objects{Meter: each.meter, Items: make([]runtime.Object, 0, len(items))}
		for _, item := range items {
			objects.Items = append(objects.Items, item.(runtime.Object))
		}
		found = append(found, objects)
	}
	return found, nil
}

// write changes the status as it was read: were the quota charged in between, the write fails, and is planned again.
func (c *Controller) write(ctx context.Context, key cache.ObjectName, q *corev1.ResourceQuota, status *corev1.ResourceQuotaStatus) error {
	if status == nil {
		return nil
	}
	changed := q.DeepCopy()
	changed.Status = *status
	written, err := c.client.CoreV1().ResourceQuotas(q.Namespace).UpdateStatus(ctx, changed, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write status of quota %s: %w", key, err)
	}
	c.wrote(key, written.Status.Used)
	c.lag.Wrote(key, c.store, written.ResourceVersion)
	return nil
}
