package replicaset

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/controller"
)

// Options are what the controller is made of; all fields must be set.
type Options = controller.Options

// Controller keeps ReplicaSets, or ReplicationControllers, at their number of Pods.
type Controller struct {
	kind     kind
	client   kubernetes.Interface
	pods     cache.SharedIndexInformer
	recorder record.EventRecorder
	clock    clock.PassiveClock
	log      zerolog.Logger
	loop     *controller.Loop[cache.ObjectName]
	lag      controller.Lag[cache.ObjectName]
	pace     *controller.Pace[cache.ObjectName]
	broken   error // the informers could not be indexed
}

// New makes the controller of ReplicaSets.
func New(options Options) *Controller { return newController(options, replicaSets(options)) }

// NewReplicationController makes the controller of ReplicationControllers.
func NewReplicationController(options Options) *Controller {
	return newController(options, replicationControllers(options))
}

func newController(options Options, kind kind) *Controller {
	c := &Controller{
		kind:     kind,
		client:   options.Client,
		pods:     options.Informers.Core().V1().Pods().Informer(),
		recorder: options.Recorder,
		clock:    options.Clock,
		log:      options.Logger,
		pace:     controller.NewPace[cache.ObjectName](options.Clock, controller.StatusPace),
	}
	c.broken = errors.Join(controller.IndexByController(c.pods), controller.IndexByController(kind.informer))
	c.loop = controller.NewLoop(strings.ToLower(kind.Kind), options, c.reconcile)
	c.loop.Watch(kind.informer, controller.On(func(obj metav1.Object) { c.loop.Add(controller.KeyOf(obj)) }))
	c.loop.Watch(c.pods, controller.Owners(kind.Kind, c.loop.Add, c.offer))
	c.watchRefusals(options)
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
func (c *Controller) offer(pod *corev1.Pod) {
	selector := func(obj any) *metav1.LabelSelector { return c.kind.replicaSet(obj).Spec.Selector }
	controller.Selecting(c.kind.informer.GetIndexer(), pod, selector, c.loop.Add)
}

func (c *Controller) reconcile(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	obj, exists, err := c.kind.informer.GetIndexer().GetByKey(key.String())
	if err != nil {
		return 0, fmt.Errorf("get %s %s: %w", c.kind.Kind, key, err)
	}
	if !exists {
		c.lag.Forget(key)
		c.pace.Forget(key)
		return 0, nil
	}
	if c.lag.Behind(key) {
		return controller.LagCheck, nil
	}
	rs := c.kind.replicaSet(obj)
	observed, err := c.observe(ctx, key, rs)
	if err != nil {
		return 0, err
	}
	plan := Decide(rs, observed, c.clock.Now())
	outcome, failed := c.execute(ctx, key, rs, plan)
	observed.Leaving = c.lag.Leaving(key, alive(observed.Pods))
	status := Status(rs, observed, outcome, c.clock.Now())
	wait, err := c.tell(ctx, key, obj, rs, status)
	return controller.Soonest(plan.After, wait), errors.Join(failed, err)
}

// observe claims Pods and gathers what Decide needs.
func (c *Controller) observe(ctx context.Context, key cache.ObjectName, rs *appsv1.ReplicaSet) (Observed, error) {
	selector, err := metav1.LabelSelectorAsSelector(rs.Spec.Selector)
	if err != nil {
		return Observed{}, fmt.Errorf("selector of %s %s: %w", c.kind.Kind, key, err)
	}
	candidates, err := controller.Candidates[*corev1.Pod](c.pods.GetIndexer(), rs)
	if err != nil {
		return Observed{}, err
	}
	adopter := controller.Adopter[*corev1.Pod]{
		Ref:   c.ref(rs),
		Fresh: func(ctx context.Context) (metav1.Object, error) { return c.kind.get(ctx, key) },
		Copy:  (*corev1.Pod).DeepCopy,
		Update: func(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
			written, err := c.client.CoreV1().Pods(pod.Namespace).Update(ctx, pod, metav1.UpdateOptions{})
			if err == nil {
				c.lag.Wrote(key, c.pods.GetStore(), written.ResourceVersion)
			}
			return written, err
		},
	}
	claims := controller.Claim(rs, selector, candidates)
	claims.Adopt = unfinished(claims.Adopt)
	pods, err := adopter.Apply(ctx, claims)
	if err != nil {
		return Observed{}, fmt.Errorf("claim pods of %s %s: %w", c.kind.Kind, key, err)
	}
	observed := Observed{Pods: pods, Leaving: c.lag.Leaving(key, alive(pods))}
	if len(observed.active()) > replicas(rs) { // they matter only for which Pod goes
		observed.Siblings, err = c.siblings(rs)
	}
	return observed, err
}

// unfinished leaves out Pods that would not count: an orphan that has run to its end is left to its owner.
func unfinished(pods []*corev1.Pod) []*corev1.Pod {
	var kept []*corev1.Pod
	for _, pod := range pods {
		if !controller.PodFinished(pod) {
			kept = append(kept, pod)
		}
	}
	return kept
}

// siblings are the Pods of the other ReplicaSets that have the same controller.
func (c *Controller) siblings(rs *appsv1.ReplicaSet) ([]*corev1.Pod, error) {
	owner := metav1.GetControllerOfNoCopy(rs)
	if owner == nil {
		return nil, nil
	}
	related, err := controller.Owned[metav1.Object](c.kind.informer.GetIndexer(), owner.UID)
	if err != nil {
		return nil, err
	}
	var pods []*corev1.Pod
	for _, other := range related {
		if other.GetUID() == rs.UID {
			continue
		}
		theirs, err := controller.Owned[*corev1.Pod](c.pods.GetIndexer(), other.GetUID())
		if err != nil {
			return nil, err
		}
		pods = append(pods, theirs...)
	}
	return pods, nil
}

// tell writes the status if it differs, unless it may wait; then it returns for how long.
func (c *Controller) tell(ctx context.Context, key cache.ObjectName, obj any, rs *appsv1.ReplicaSet, status appsv1.ReplicaSetStatus) (time.Duration, error) {
	if !c.kind.terminating {
		status.TerminatingReplicas = nil
	}
	if apiequality.Semantic.DeepEqual(rs.Status, status) {
		return 0, nil
	}
	if wait := c.pace.Wait(key); wait > 0 && mayWait(rs.Status, status) {
		return wait, nil
	}
	version, err := c.kind.updateStatus(ctx, obj, status)
	if err != nil {
		return 0, fmt.Errorf("write status of %s %s: %w", c.kind.Kind, key, err)
	}
	c.lag.Wrote(key, c.kind.informer.GetStore(), version)
	c.pace.Wrote(key)
	return 0, nil
}

// ref is what the Pods of rs carry.
func (c *Controller) ref(rs *appsv1.ReplicaSet) metav1.OwnerReference {
	return *metav1.NewControllerRef(rs, c.kind.GroupVersionKind)
}

func alive(pods []*corev1.Pod) sets.Set[types.UID] {
	uids := make(sets.Set[types.UID], len(pods))
	for _, pod := range pods {
		if pod.DeletionTimestamp == nil {
			uids.Insert(pod.UID)
		}
	}
	return uids
}
