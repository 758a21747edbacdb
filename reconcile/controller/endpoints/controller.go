//lint:file-ignore SA1019 Endpoints are deprecated, and still read by people and tools

package endpoints

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"

	"coracle.dev/coracle/reconcile/controller"
)

// Options are what every controller is made of.
type Options = controller.Options

const (
	// pace gathers the Pods that become ready in a rollout. One that leaves is written at once.
	pace = 100 * time.Millisecond
	// lagCheck is when to look again if the event that would tell has been missed.
	lagCheck = time.Second
)

// Controller keeps EndpointSlices and Endpoints.
type Controller struct {
	client    kubernetes.Interface
	services  corelisters.ServiceLister
	pods      corelisters.PodLister
	endpoints corelisters.EndpointsLister
	slices    discoverylisters.EndpointSliceLister
	written   struct{ slices, endpoints controller.Store }
	lag       controller.Lag[cache.ObjectName]
	pace      *controller.Pace[cache.ObjectName]
	loop      *controller.Loop[cache.ObjectName]
}

// New makes the controller. It starts nothing.
func New(options Options) *Controller {
	core, discovery := options.Informers.Core().V1(), options.Informers.Discovery().V1()
	c := &Controller{
		client:    options.Client,
		services:  core.Services().Lister(),
		pods:      core.Pods().Lister(),
		endpoints: core.Endpoints().Lister(),
		slices:    discovery.EndpointSlices().Lister(),
		pace:      controller.NewPace[cache.ObjectName](options.Clock, pace),
	}
	c.written.slices, c.written.endpoints = discovery.EndpointSlices().Informer().GetStore(), core.Endpoints().Informer().GetStore()
	c.loop = controller.NewLoop("endpoints", options, c.reconcile)
	c.loop.Watch(core.Services().Informer(), controller.On(func(service *corev1.Service) { c.loop.Add(controller.KeyOf(service)) }))
	c.loop.Watch(core.Pods().Informer(), c.podEvents())
	c.loop.Watch(core.Endpoints().Informer(), controller.On(func(e *corev1.Endpoints) { c.loop.Add(controller.KeyOf(e)) }))
	c.loop.Watch(discovery.EndpointSlices().Informer(), controller.On(func(slice *discoveryv1.EndpointSlice) {
		if slice.Labels[discoveryv1.LabelManagedBy] == ManagedBy {
			c.loop.Add(cache.NewObjectName(slice.Namespace, slice.Labels[discoveryv1.LabelServiceName]))
		}
	}))
	return c
}

// Run keeps them until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) error { return c.loop.Run(ctx, workers) }

// podEvents queue the Services that a Pod stands or stood behind.
func (c *Controller) podEvents() controller.Handler[*corev1.Pod] {
	return controller.Handler[*corev1.Pod]{
		Added:   func(pod *corev1.Pod) { c.add(pod) },
		Deleted: func(pod *corev1.Pod) { c.add(pod) },
		Updated: func(old, pod *corev1.Pod) {
			relabelled := !maps.Equal(old.Labels, pod.Labels)
			if relabelled {
				c.add(old)
			}
			if relabelled || matters(old, pod) {
				c.add(pod)
			}
		},
	}
}

// matters is whether a Pod changed in something that is written down.
func matters(old, pod *corev1.Pod) bool {
	_, wasReady := controller.PodReadySince(old)
	_, isReady := controller.PodReadySince(pod)
	return wasReady != isReady || old.Status.PodIP != pod.Status.PodIP || old.Spec.NodeName != pod.Spec.NodeName ||
		(old.DeletionTimestamp == nil) != (pod.DeletionTimestamp == nil) || controller.PodFinished(old) != controller.PodFinished(pod) ||
		old.Spec.Hostname != pod.Spec.Hostname || old.Spec.Subdomain != pod.Spec.Subdomain
}

func (c *Controller) add(pod *corev1.Pod) {
	services, err := c.services.Services(pod.Namespace).List(labels.Everything())
	if err != nil {
		return // only if the informer's index were broken
	}
	for _, service := range services {
		if selects(service) && labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(pod.Labels)) {
			c.loop.Add(controller.KeyOf(service))
		}
	}
}

// selects is whether a Service says which Pods stand behind it. If not, somebody else writes its endpoints.
func selects(service *corev1.Service) bool {
	return len(service.Spec.Selector) > 0 && service.Spec.Type != corev1.ServiceTypeExternalName
}

// reconcile brings what is written of one Service up to date.
func (c *Controller) reconcile(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	service, err := c.services.Services(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		c.lag.Forget(key)
		c.pace.Forget(key)
		return 0, c.deleteEndpoints(ctx, key)
	}
	if err != nil {
		return 0, fmt.Errorf("get service: %w", err)
	}
	if !selects(service) || service.DeletionTimestamp != nil {
		return 0, nil
	}
	if c.lag.Behind(key) {
		return lagCheck, nil
	}
	pods, err := c.pods.Pods(key.Namespace).List(labels.SelectorFromSet(service.Spec.Selector))
	if err != nil {
		return 0, fmt.Errorf("list pods: %w", err)
	}
	current, err := c.slices.EndpointSlices(key.Namespace).List(labels.SelectorFromSet(labels.Set{
		discoveryv1.LabelServiceName: key.Name, discoveryv1.LabelManagedBy: ManagedBy,
	}))
	if err != nil {
		return 0, fmt.Errorf("list endpoint slices: %w", err)
	}
	legacy, err := c.endpoints.Endpoints(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		legacy = nil
	} else if err != nil {
		return 0, fmt.Errorf("get endpoints: %w", err)
	}
	backends := Backends(service, pods)
	plan, endpoints := PlanSlices(service, backends, current), PlanEndpoints(service, backends, legacy)
	if plan.empty() && endpoints == nil {
		return 0, nil
	}
	if wait := c.pace.Wait(key); wait > 0 && !plan.Urgent {
		return wait, nil
	}
	if err := errors.Join(c.writeSlices(ctx, key, plan), c.writeEndpoints(ctx, key, endpoints, legacy == nil)); err != nil {
		return 0, err // a wait for the pace would end the back-off
	}
	c.pace.Wrote(key)
	return 0, nil
}

func (p *Plan) empty() bool { return len(p.Create)+len(p.Update)+len(p.Delete) == 0 }

// writeSlices carries the plan out: what leaves before what comes.
func (c *Controller) writeSlices(ctx context.Context, key cache.ObjectName, plan Plan) error {
	client := c.client.DiscoveryV1().EndpointSlices(key.Namespace)
	var errs []error
	note := func(what string, written *discoveryv1.EndpointSlice, err error) {
		switch {
		case err == nil:
			c.lag.Wrote(key, c.written.slices, written.ResourceVersion)
		case !apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
			errs = append(errs, fmt.Errorf("%s endpoint slice: %w", what, err))
		}
	}
	for _, slice := range plan.Update {
		written, err := client.Update(ctx, slice, metav1.UpdateOptions{})
		note("update", written, err)
	}
	for _, slice := range plan.Delete {
		err := client.Delete(ctx, slice.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(slice.UID))})
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("delete endpoint slice: %w", err))
		}
	}
	for _, slice := range plan.Create {
		written, err := client.Create(ctx, slice, metav1.CreateOptions{})
		note("create", written, err)
	}
	return errors.Join(errs...)
}

func (c *Controller) writeEndpoints(ctx context.Context, key cache.ObjectName, endpoints *corev1.Endpoints, create bool) error {
	if endpoints == nil {
		return nil
	}
	write := c.client.CoreV1().Endpoints(key.Namespace).Update
	if create {
		write = func(ctx context.Context, e *corev1.Endpoints, _ metav1.UpdateOptions) (*corev1.Endpoints, error) {
			return c.client.CoreV1().Endpoints(key.Namespace).Create(ctx, e, metav1.CreateOptions{})
		}
	}
	written, err := write(ctx, endpoints, metav1.UpdateOptions{})
	switch {
	case err == nil:
		c.lag.Wrote(key, c.written.endpoints, written.ResourceVersion)
	case !apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fmt.Errorf("write endpoints: %w", err)
	}
	return nil
}

// deleteEndpoints removes what a deleted Service leaves: Endpoints have no owner. EndpointSlices have, and are collected.
func (c *Controller) deleteEndpoints(ctx context.Context, key cache.ObjectName) error {
	endpoints, err := c.endpoints.Endpoints(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) || err == nil && endpoints.Labels[endpointsManagedByLabel] != endpointsManagedBy {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get endpoints: %w", err)
	}
	err = c.client.CoreV1().Endpoints(key.Namespace).Delete(ctx, key.Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete endpoints: %w", err)
	}
	return nil
}
