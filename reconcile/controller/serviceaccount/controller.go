package serviceaccount

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"

	"coracle.dev/coracle/reconcile/controller"
)

// Options of the controller. All fields must be set.
type Options struct {
	controller.Options
	// RootCA is the certificate, PEM, by which clients know the API server.
	RootCA []byte
}

// Controller keeps the two objects in every namespace.
type Controller struct {
	client     kubernetes.Interface
	rootCA     string
	namespaces corelisters.NamespaceLister
	accounts   corelisters.ServiceAccountLister
	configMaps corelisters.ConfigMapLister
	loop       *controller.Loop[string]
}

// New makes the controller. It starts nothing.
func New(options Options) *Controller {
	core := options.Informers.Core().V1()
	c := &Controller{
		client:     options.Client,
		rootCA:     string(options.RootCA),
		namespaces: core.Namespaces().Lister(),
		accounts:   core.ServiceAccounts().Lister(),
		configMaps: core.ConfigMaps().Lister(),
	}
	c.loop = controller.NewLoop("serviceaccount", options.Options, c.reconcile)
	c.loop.Watch(core.Namespaces().Informer(), controller.Handler[*corev1.Namespace]{
		Added:   func(namespace *corev1.Namespace) { c.loop.Add(namespace.Name) },
		Updated: func(_, namespace *corev1.Namespace) { c.loop.Add(namespace.Name) },
	})
	c.loop.Watch(core.ServiceAccounts().Informer(), controller.Handler[*corev1.ServiceAccount]{
		Deleted: func(account *corev1.ServiceAccount) { c.changed(account, AccountName) },
	})
	c.loop.Watch(core.ConfigMaps().Informer(), controller.Handler[*corev1.ConfigMap]{
		Updated: func(_, configMap *corev1.ConfigMap) { c.changed(configMap, RootCAName) },
		Deleted: func(configMap *corev1.ConfigMap) { c.changed(configMap, RootCAName) },
	})
	return c
}

// Run keeps them until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) error { return c.loop.Run(ctx, workers) }

// changed queues the namespace of an object that has the name of one of ours.
func (c *Controller) changed(object metav1.Object, name string) {
	if object.GetName() == name {
		c.loop.Add(object.GetNamespace())
	}
}

// reconcile makes or restores what one namespace lacks.
func (c *Controller) reconcile(ctx context.Context, name string) (time.Duration, error) {
	namespace, err := c.namespaces.Get(name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("get namespace: %w", err)
	}
	account, err := c.accounts.ServiceAccounts(name).Get(AccountName)
	if err != nil && !apierrors.IsNotFound(err) {
		return 0, fmt.Errorf("get service account: %w", err)
	}
	rootCA, err := c.configMaps.ConfigMaps(name).Get(RootCAName)
	if err != nil && !apierrors.IsNotFound(err) {
		return 0, fmt.Errorf("get config map: %w", err)
	}
	return 0, c.act(ctx, name, PlanNamespace(namespace, account, rootCA, c.rootCA))
}

// act carries a plan out. One object that cannot be written does not hold back the other. That one is there already, or
// the namespace is going, is no error.
func (c *Controller) act(ctx context.Context, namespace string, plan Plan) error {
	var errs []error
	note := func(what string, err error) {
		if err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	if plan.CreateAccount != nil {
		_, err := c.client.CoreV1().ServiceAccounts(namespace).Create(ctx, plan.CreateAccount, metav1.CreateOptions{})
		note("create service account", err)
	}
	if plan.CreateRootCA != nil {
		_, err := c.client.CoreV1().ConfigMaps(namespace).Create(ctx, plan.CreateRootCA, metav1.CreateOptions{})
		note("create config map", err)
	}
	if plan.UpdateRootCA != nil {
		_, err := c.client.CoreV1().ConfigMaps(namespace).Update(ctx, plan.UpdateRootCA, metav1.UpdateOptions{})
		note("restore config map", err)
	}
	return errors.Join(errs...)
}
