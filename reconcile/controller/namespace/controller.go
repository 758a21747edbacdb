package namespace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/controller"
)

// Options of the controller. All fields must be set.
type Options struct {
	controller.Options
	// Metadata lists and deletes objects of every kind.
	Metadata metadata.Interface
	// Sources are all served kinds that are in namespaces, one version each. What is not among them outlives its namespace.
	Sources []Source
}

// Source is one served kind.
type Source struct {
	schema.GroupVersionResource
	// Informer tells when an object has gone, so that the next look need not wait. Nil where there is none, as for Events.
	Informer cache.SharedIndexInformer
}

// How soon to look again. What has neither grace period nor finalizer is gone at once; the rest an informer tells.
const (
	lookSoon  = 50 * time.Millisecond
	lookLater = 5 * time.Second
)

// Controller empties namespaces.
type Controller struct {
	client     kubernetes.Interface
	metadata   metadata.Interface
	clock      clock.PassiveClock
	log        zerolog.Logger
	sources    []Source
	namespaces corelisters.NamespaceLister
	loop       *controller.Loop[string]
}

// New makes the controller. It starts nothing.
func New(options Options) *Controller {
	namespaces := options.Informers.Core().V1().Namespaces()
	c := &Controller{
		client:     options.Client,
		metadata:   options.Metadata,
		clock:      options.Clock,
		log:        options.Logger.With().Str("controller", "namespace").Logger(),
		sources:    options.Sources,
		namespaces: namespaces.Lister(),
	}
	c.loop = controller.NewLoop("namespace", options.Options, c.reconcile)
	c.loop.Watch(namespaces.Informer(), controller.Handler[*corev1.Namespace]{
		Added:   func(namespace *corev1.Namespace) { c.loop.Add(namespace.Name) },
		Updated: func(_, namespace *corev1.Namespace) { c.loop.Add(namespace.Name) },
	})
	for _, source := range options.Sources {
		if source.Informer != nil {
			c.loop.Watch(source.Informer, controller.Handler[metav1.Object]{
				Deleted: func(object metav1.Object) { c.loop.Add(object.GetNamespace()) },
			})
		}
	}
	return c
}

// Run empties namespaces until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) error { return c.loop.Run(ctx, workers) }

// reconcile looks at what is left of one namespace, and deletes it.
func (c *Controller) reconcile(ctx context.Context, name string) (time.Duration, error) {
	namespace, err := c.namespaces.Get(name)
	if apierrors.IsNotFound(err) || err == nil && !leaving(namespace) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("get namespace: %w", err)
	}
	contents, failures := c.observe(ctx, name)
	plan := PlanContent(contents)
	if plan.Finalize {
		return 0, c.finalize(ctx, namespace)
	}
	for _, resource := range plan.Delete {
		if err := c.empty(ctx, resource, name); err != nil {
			failures = append(failures, err)
		}
	}
	if err := c.report(ctx, namespace, contents, failures); err != nil {
		failures = append(failures, err)
	}
	if len(failures) > 0 {
		return 0, errors.Join(failures...)
	}
	if len(plan.Delete) > 0 {
		return lookSoon, nil
	}
	return lookLater, nil
}

// leaving is whether a namespace is being deleted, and waits for this controller.
func leaving(namespace *corev1.Namespace) bool {
	return namespace.DeletionTimestamp != nil && slices.Contains(namespace.Spec.Finalizers, corev1.FinalizerKubernetes)
}

// observe lists what is left. It asks the API, not a cache: what a cache does not show yet would outlive its namespace.
func (c *Controller) observe(ctx context.Context, namespace string) (contents []Content, failures []error) {
	for _, source := range c.sources {
		list, err := c.metadata.Resource(source.GroupVersionResource).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			failures = append(failures, fmt.Errorf("list %s: %w", source.GroupResource(), err))
			contents = append(contents, Content{Resource: source.GroupVersionResource, Unknown: true})
			continue
		}
		content := Content{Resource: source.GroupVersionResource, Count: len(list.Items), Finalizers: map[string]int{}}
		for i := range list.Items {
			if list.Items[i].DeletionTimestamp == nil {
				content.Unmarked++
			}
			for _, finalizer := range list.Items[i].Finalizers {
				content.Finalizers[finalizer]++
			}
		}
		contents = append(contents, content)
	}
	return contents, failures
}

// empty deletes all objects of one kind, each with the grace period that it asks for.
func (c *Controller) empty(ctx context.Context, resource schema.GroupVersionResource, namespace string) error {
	background := metav1.DeletePropagationBackground
	err := c.metadata.Resource(resource).Namespace(namespace).DeleteCollection(ctx,
		metav1.DeleteOptions{PropagationPolicy: &background}, metav1.ListOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete %s: %w", resource.GroupResource(), err)
	}
	return nil
}

// report writes the conditions, if they are news.
func (c *Controller) report(ctx context.Context, namespace *corev1.Namespace, contents []Content, failures []error) error {
	conditions, news := Conditions(namespace.Status.Conditions, contents, failures, metav1.NewTime(c.clock.Now()))
	if !news {
		return nil
	}
	changed := namespace.DeepCopy()
	changed.Status.Phase = corev1.NamespaceTerminating
	changed.Status.Conditions = conditions
	if _, err := c.client.CoreV1().Namespaces().UpdateStatus(ctx, changed, metav1.UpdateOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("update status: %w", err)
	}
	return nil
}

// finalize lets the namespace go.
func (c *Controller) finalize(ctx context.Context, namespace *corev1.Namespace) error {
	changed := namespace.DeepCopy()
	changed.Spec.Finalizers = slices.DeleteFunc(changed.Spec.Finalizers, func(f corev1.FinalizerName) bool { return f == corev1.FinalizerKubernetes })
	_, err := c.client.CoreV1().Namespaces().Finalize(ctx, changed, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil // finalized before, and the informer does not show it yet
	}
	if err != nil {
		return fmt.Errorf("finalize: %w", err)
	}
	c.log.Info().Str("ns", namespace.Name).Msg("namespace emptied and removed")
	return nil
}
