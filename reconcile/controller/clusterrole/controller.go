package clusterrole

import (
	"context"
	"fmt"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"

	"coracle.dev/coracle/reconcile/controller"
)

// Controller keeps the rules of ClusterRoles that aggregate others.
type Controller struct {
	client kubernetes.Interface
	roles  rbaclisters.ClusterRoleLister
	loop   *controller.Loop[string]
}

// New makes the controller. It starts nothing.
func New(options controller.Options) *Controller {
	roles := options.Informers.Rbac().V1().ClusterRoles()
	c := &Controller{client: options.Client, roles: roles.Lister()}
	c.loop = controller.NewLoop("clusterrole", options, c.reconcile)
	c.loop.Watch(roles.Informer(), controller.On(func(*rbacv1.ClusterRole) { c.addAll() }))
	return c
}

// Run keeps them until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) error { return c.loop.Run(ctx, workers) }

// addAll looks at all that aggregate: they are few, and what a change is part of is found soonest by adding it up.
func (c *Controller) addAll() {
	all, _ := c.roles.List(labels.Everything()) // from memory: there is no error
	for _, role := range all {
		if role.AggregationRule != nil {
			c.loop.Add(role.Name)
		}
	}
}

func (c *Controller) reconcile(ctx context.Context, name string) (time.Duration, error) {
	role, err := c.roles.Get(name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("get cluster role: %w", err)
	}
	all, err := c.roles.List(labels.Everything())
	if err != nil {
		return 0, fmt.Errorf("list cluster roles: %w", err)
	}
	changed, err := Aggregate(role, all)
	if err != nil || changed == nil {
		return 0, err
	}
	if _, err := c.client.RbacV1().ClusterRoles().Update(ctx, changed, metav1.UpdateOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return 0, fmt.Errorf("update cluster role: %w", err)
	}
	return 0, nil
}
