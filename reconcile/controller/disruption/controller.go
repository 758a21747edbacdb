package disruption

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	policylisters "k8s.io/client-go/listers/policy/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"coracle.dev/coracle/reconcile/controller"
)

// Options are what the controller is made of; all fields must be set.
type Options = controller.Options

// Controller keeps the status of all budgets.
type Controller struct {
	client                 kubernetes.Interface
	store                  cache.Store
	budgets                policylisters.PodDisruptionBudgetLister
	pods                   corelisters.PodLister
	deployments            appslisters.DeploymentLister
	replicaSets            appslisters.ReplicaSetLister
	replicationControllers corelisters.ReplicationControllerLister
	recorder               record.EventRecorder
	clock                  clock.PassiveClock
	loop                   *controller.Loop[cache.ObjectName]
	lag                    controller.Lag[cache.ObjectName]
}

// New makes the controller. It starts nothing.
func New(options Options) *Controller {
	core, apps := options.Informers.Core().V1(), options.Informers.Apps().V1()
	budgets := options.Informers.Policy().V1().PodDisruptionBudgets()
	c := &Controller{
		client:                 options.Client,
		store:                  budgets.Informer().GetStore(),
		budgets:                budgets.Lister(),
		pods:                   core.Pods().Lister(),
		deployments:            apps.Deployments().Lister(),
		replicaSets:            apps.ReplicaSets().Lister(),
		replicationControllers: core.ReplicationControllers().Lister(),
		recorder:               options.Recorder,
		clock:                  options.Clock,
	}
	c.loop = controller.NewLoop("disruption", options, c.reconcile)
	c.loop.Watch(budgets.Informer(), controller.On(func(b *policyv1.PodDisruptionBudget) { c.loop.Add(controller.KeyOf(b)) }))
	c.loop.Watch(core.Pods().Informer(), controller.Handler[*corev1.Pod]{
		Added: func(pod *corev1.Pod) { c.offer(pod.Namespace, pod.Labels) },
		Updated: func(old, pod *corev1.Pod) { // it may have left a budget
			c.offer(pod.Namespace, old.Labels)
			c.offer(pod.Namespace, pod.Labels)
		},
		Deleted: func(pod *corev1.Pod) { c.offer(pod.Namespace, pod.Labels) },
	})
	c.loop.Watch(apps.Deployments().Informer(), controller.On(func(d *appsv1.Deployment) { c.offer(d.Namespace, d.Spec.Template.Labels) }))
	c.loop.Watch(apps.ReplicaSets().Informer(), controller.On(func(rs *appsv1.ReplicaSet) { c.offer(rs.Namespace, rs.Spec.Template.Labels) }))
	c.loop.Watch(core.ReplicationControllers().Informer(), controller.On(func(rc *corev1.ReplicationController) {
		if rc.Spec.Template != nil {
			c.offer(rc.Namespace, rc.Spec.Template.Labels)
		}
	}))
	return c
}

// Run keeps the statuses until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) error { return c.loop.Run(ctx, workers) }

// offer queues the budgets of a namespace that select Pods with the labels.
func (c *Controller) offer(namespace string, set map[string]string) {
	found, err := c.budgets.PodDisruptionBudgets(namespace).List(labels.Everything())
	if err != nil {
		return // listers of a cache have none
	}
	for _, budget := range found {
		selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
		if err == nil && selector.Matches(labels.Set(set)) {
			c.loop.Add(controller.KeyOf(budget))
		}
	}
}

func (c *Controller) reconcile(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	obj, exists, err := c.store.GetByKey(key.String())
	if err != nil {
		return 0, fmt.Errorf("get disruption budget %s: %w", key, err)
	}
	if !exists {
		c.lag.Forget(key)
		return 0, nil
	}
	if c.lag.Behind(key) {
		return controller.LagCheck, nil
	}
	budget := obj.(*policyv1.PodDisruptionBudget)
	observed, err := c.observe(budget)
	if err != nil {
		return 0, err
	}
	plan := Decide(budget, observed, c.clock.Now())
	return plan.After, c.act(ctx, key, budget, plan)
}

// observe gathers the Pods and what their controllers want.
func (c *Controller) observe(budget *policyv1.PodDisruptionBudget) (Observed, error) {
	selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
	if err != nil {
		return Observed{}, fmt.Errorf("selector of disruption budget %s/%s: %w", budget.Namespace, budget.Name, err)
	}
	observed := Observed{Scales: map[types.UID]Scale{}}
	if observed.Pods, err = c.pods.Pods(budget.Namespace).List(selector); err != nil {
		return Observed{}, fmt.Errorf("list pods of disruption budget %s/%s: %w", budget.Namespace, budget.Name, err)
	}
	for _, pod := range observed.Pods {
		owner := metav1.GetControllerOfNoCopy(pod)
		if owner == nil {
			continue
		}
		if _, known := observed.Scales[owner.UID]; known {
			continue
		}
		found, err := c.scale(pod.Namespace, owner)
		if err != nil {
			return Observed{}, fmt.Errorf("scale of %s %s/%s: %w", owner.Kind, pod.Namespace, owner.Name, err)
		}
		if found != nil {
			observed.Scales[owner.UID] = *found
		}
	}
	return observed, nil
}

// scale is what a controller wants, or the Deployment that controls it; nil if it is gone or of no kind that has one.
func (c *Controller) scale(namespace string, owner *metav1.OwnerReference) (*Scale, error) {
	var found metav1.Object
	var replicas *int32
	var err error
	switch owner.Kind {
	case "ReplicaSet":
		var rs *appsv1.ReplicaSet
		if rs, err = c.replicaSets.ReplicaSets(namespace).Get(owner.Name); err == nil {
			if above := metav1.GetControllerOfNoCopy(rs); above != nil && rs.UID == owner.UID {
				return c.scale(namespace, above)
			}
			found, replicas = rs, rs.Spec.Replicas
		}
	case "Deployment":
		var d *appsv1.Deployment
		if d, err = c.deployments.Deployments(namespace).Get(owner.Name); err == nil {
			found, replicas = d, d.Spec.Replicas
		}
	case "ReplicationController":
		var rc *corev1.ReplicationController
		if rc, err = c.replicationControllers.ReplicationControllers(namespace).Get(owner.Name); err == nil {
			found, replicas = rc, rc.Spec.Replicas
		}
	}
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case found == nil || found.GetUID() != owner.UID:
		return nil, nil
	}
	return &Scale{Of: owner.UID, Replicas: ptr.Deref(replicas, 1)}, nil
}

// act writes the status as it was read: had a Pod been evicted in between, the write fails, and is planned again.
func (c *Controller) act(ctx context.Context, key cache.ObjectName, budget *policyv1.PodDisruptionBudget, plan Plan) error {
	if plan.Status == nil {
		return nil
	}
	changed := budget.DeepCopy()
	changed.Status = *plan.Status
	written, err := c.client.PolicyV1().PodDisruptionBudgets(budget.Namespace).UpdateStatus(ctx, changed, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write status of disruption budget %s: %w", key, err)
	}
	c.lag.Wrote(key, c.store, written.ResourceVersion)
	for _, event := range plan.Events {
		about := controller.Reference(budget, policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"))
		if event.Pod != nil {
			about = controller.Reference(event.Pod, corev1.SchemeGroupVersion.WithKind("Pod"))
		}
		c.recorder.Event(about, event.Type, event.Reason, event.Message)
	}
	return nil
}
