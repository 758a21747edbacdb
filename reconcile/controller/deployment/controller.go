package deployment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/controller"
)

// Options are what the controller is made of; all fields must be set.
type Options = controller.Options

// Controller rolls Deployments.
type Controller struct {
	client      kubernetes.Interface
	deployments cache.SharedIndexInformer
	replicaSets cache.SharedIndexInformer
	pods        cache.SharedIndexInformer
	recorder    record.EventRecorder
	clock       clock.PassiveClock
	log         zerolog.Logger
	loop        *controller.Loop[cache.ObjectName]
	lag         controller.Lag[cache.ObjectName]
	pace        *controller.Pace[cache.ObjectName]
	broken      error // the informers could not be indexed
}

// New makes the controller of Deployments.
func New(options Options) *Controller {
	c := &Controller{
		client:      options.Client,
		deployments: options.Informers.Apps().V1().Deployments().Informer(),
		replicaSets: options.Informers.Apps().V1().ReplicaSets().Informer(),
		pods:        options.Informers.Core().V1().Pods().Informer(),
		recorder:    options.Recorder,
		clock:       options.Clock,
		log:         options.Logger,
		pace:        controller.NewPace[cache.ObjectName](options.Clock, controller.StatusPace),
	}
	c.broken = errors.Join(controller.IndexByController(c.replicaSets), controller.IndexByController(c.pods))
	c.loop = controller.NewLoop("deployment", options, c.reconcile)
	c.loop.Watch(c.deployments, controller.On(func(d *appsv1.Deployment) { c.loop.Add(controller.KeyOf(d)) }))
	c.loop.Watch(c.replicaSets, controller.Owners("Deployment", c.loop.Add, c.offer))
	c.loop.Watch(c.pods, controller.Handler[*corev1.Pod]{Updated: c.podFinished, Deleted: c.podGone})
	return c
}

// Run reconciles until ctx ends, and then returns nil. It waits for the informers first.
func (c *Controller) Run(ctx context.Context, workers int) error {
	if c.broken != nil {
		return c.broken
	}
	return c.loop.Run(ctx, workers)
}

// offer has all whose selector matches the orphan reconciled: one of them will adopt it.
func (c *Controller) offer(rs *appsv1.ReplicaSet) {
	selector := func(obj any) *metav1.LabelSelector { return obj.(*appsv1.Deployment).Spec.Selector }
	controller.Selecting(c.deployments.GetIndexer(), rs, selector, c.loop.Add)
}

// podFinished and podGone wake a Deployment that waits for its last old Pod.
func (c *Controller) podFinished(old, pod *corev1.Pod) {
	if controller.PodFinished(pod) && !controller.PodFinished(old) {
		c.podGone(pod)
	}
}

func (c *Controller) podGone(pod *corev1.Pod) {
	set := metav1.GetControllerOfNoCopy(pod)
	if set == nil || set.Kind != "ReplicaSet" {
		return
	}
	obj, exists, err := c.replicaSets.GetIndexer().GetByKey(cache.NewObjectName(pod.Namespace, set.Name).String())
	if err != nil || !exists {
		return
	}
	owner := metav1.GetControllerOfNoCopy(obj.(*appsv1.ReplicaSet))
	if owner == nil {
		return
	}
	key := cache.NewObjectName(pod.Namespace, owner.Name)
	if d, err := c.get(key); err == nil && d != nil && recreates(d) {
		c.loop.Add(key)
	}
}

func recreates(d *appsv1.Deployment) bool {
	return d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType
}

// get reads a Deployment from the cache; nil if there is none.
func (c *Controller) get(key cache.ObjectName) (*appsv1.Deployment, error) {
	obj, exists, err := c.deployments.GetIndexer().GetByKey(key.String())
	if err != nil {
		return nil, fmt.Errorf("get deployment %s: %w", key, err)
	}
	if !exists {
		return nil, nil
	}
	return obj.(*appsv1.Deployment), nil
}

func (c *Controller) reconcile(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	d, err := c.get(key)
	if err != nil {
		return 0, err
	}
	if d == nil {
		c.lag.Forget(key)
		c.pace.Forget(key)
		return 0, nil
	}
	if c.lag.Behind(key) {
		return controller.LagCheck, nil
	}
	observed, err := c.observe(ctx, key, d)
	if err != nil {
		return 0, err
	}
	plan := Decide(d, observed, c.clock.Now())
	wait, err := c.execute(ctx, key, d, plan)
	return controller.Soonest(plan.After, wait), err
}

// observe claims ReplicaSets and gathers what Decide needs.
func (c *Controller) observe(ctx context.Context, key cache.ObjectName, d *appsv1.Deployment) (Observed, error) {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return Observed{}, fmt.Errorf("selector of deployment %s: %w", key, err)
	}
	candidates, err := controller.Candidates[*appsv1.ReplicaSet](c.replicaSets.GetIndexer(), d)
	if err != nil {
		return Observed{}, err
	}
	adopter := controller.Adopter[*appsv1.ReplicaSet]{
		Ref: *metav1.NewControllerRef(d, kind),
		Fresh: func(ctx context.Context) (metav1.Object, error) {
			return c.client.AppsV1().Deployments(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
		},
		Copy: (*appsv1.ReplicaSet).DeepCopy,
		Update: func(ctx context.Context, rs *appsv1.ReplicaSet) (*appsv1.ReplicaSet, error) {
			return c.update(ctx, key, rs)
		},
	}
	sets, err := adopter.Apply(ctx, controller.Claim(d, selector, candidates))
	if err != nil {
		return Observed{}, fmt.Errorf("claim replica sets of deployment %s: %w", key, err)
	}
	observed := Observed{ReplicaSets: sets}
	if recreates(d) {
		observed.Running, err = c.running(sets)
	}
	return observed, err
}

// running counts the Pods of each ReplicaSet that have not finished.
func (c *Controller) running(sets []*appsv1.ReplicaSet) (map[types.UID]int, error) {
	running := map[types.UID]int{}
	for _, rs := range sets {
		pods, err := controller.Owned[*corev1.Pod](c.pods.GetIndexer(), rs.UID)
		if err != nil {
			return nil, err
		}
		for _, pod := range pods {
			if !controller.PodFinished(pod) {
				running[rs.UID]++
			}
		}
	}
	return running, nil
}
