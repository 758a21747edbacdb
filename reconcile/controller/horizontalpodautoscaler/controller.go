package horizontalpodautoscaler

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	autoscalinglisters "k8s.io/client-go/listers/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"coracle.dev/coracle/reconcile/controller"
)

// DefaultPeriod is how often each autoscaler is looked at.
const DefaultPeriod = 15 * time.Second

// Options are what the controller is made of; all fields must be set.
type Options struct {
	controller.Options
	Metrics metricsclient.PodMetricsesGetter
	Period  time.Duration
}

// Controller carries out HorizontalPodAutoscalers.
type Controller struct {
	client   kubernetes.Interface
	metrics  metricsclient.PodMetricsesGetter
	hpas     autoscalinglisters.HorizontalPodAutoscalerLister
	pods     corelisters.PodLister
	recorder record.EventRecorder
	clock    clock.PassiveClock
	period   time.Duration
	loop     *controller.Loop[cache.ObjectName]

	mu    sync.Mutex
	known map[cache.ObjectName]known
}

// known is what is kept of an autoscaler between two looks.
type known struct {
	history  History
	selector labels.Selector // of its target's Pods; nil before it is known
}

// New makes the controller.
func New(options Options) *Controller {
	hpas, pods := options.Informers.Autoscaling().V2().HorizontalPodAutoscalers(), options.Informers.Core().V1().Pods()
	c := &Controller{
		client: options.Client, metrics: options.Metrics, recorder: options.Recorder, clock: options.Clock, period: options.Period,
		hpas: hpas.Lister(), pods: pods.Lister(), known: map[cache.ObjectName]known{},
	}
	c.loop = controller.NewLoop("horizontalpodautoscaler", options.Options, c.reconcile)
	add := func(hpa *autoscalingv2.HorizontalPodAutoscaler) { c.loop.Add(controller.KeyOf(hpa)) }
	c.loop.Watch(hpas.Informer(), controller.Handler[*autoscalingv2.HorizontalPodAutoscaler]{
		Added: add, Deleted: add,
		Updated: func(old, hpa *autoscalingv2.HorizontalPodAutoscaler) {
			if old.Generation != hpa.Generation { // its status is our own doing
				add(hpa)
			}
		},
	})
	c.loop.Watch(pods.Informer(), controller.Handler[*corev1.Pod]{}) // to begin with all Pods known
	return c
}

// Run carries autoscalers out until ctx ends, and then returns nil. It waits for the informers first.
func (c *Controller) Run(ctx context.Context, workers int) error { return c.loop.Run(ctx, workers) }

func (c *Controller) reconcile(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	hpa, err := c.hpas.HorizontalPodAutoscalers(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.known, key)
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("get autoscaler %s: %w", key, err)
	}
	target, err := c.scalesOf(hpa)
	observed := c.observe(ctx, key, hpa, target, err)
	plan := Decide(hpa, observed, c.clock.Now())
	if plan.Replicas != nil {
		scale := observed.Scale.DeepCopy()
		scale.Spec.Replicas = *plan.Replicas
		_, err := target.UpdateScale(ctx, scale.Name, scale, metav1.UpdateOptions{FieldManager: fieldManager})
		plan = plan.Scaled(hpa, err, c.clock.Now())
	}
	c.remember(key, plan.History)
	for _, event := range plan.Events {
		c.recorder.Event(controller.Reference(hpa, autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler")), event.Type, event.Reason, event.Message)
	}
	return c.period, c.tell(ctx, hpa, plan.Status)
}

// observe reads the scale and its Pods, and, unless the size is out of range anyway, their figures. target is nil with failed.
func (c *Controller) observe(ctx context.Context, key cache.ObjectName, hpa *autoscalingv2.HorizontalPodAutoscaler, target scales, failed error) Observed {
	c.mu.Lock()
	o := Observed{History: c.known[key].history}
	c.mu.Unlock()
	if failed != nil {
		o.ScaleErr = failed
		return o
	}
	if o.Scale, o.ScaleErr = target.GetScale(ctx, hpa.Spec.ScaleTargetRef.Name, metav1.GetOptions{}); o.ScaleErr != nil {
		return o
	}
	selector, err := labels.Parse(o.Scale.Status.Selector)
	if err != nil || selector.Empty() {
		return o // Decide says so
	}
	o.Pods, _ = c.pods.Pods(hpa.Namespace).List(selector) // a cache does not fail
	o.Rivals = c.rivals(key, selector, o.Pods)
	if replicas := o.Scale.Spec.Replicas; replicas == 0 || replicas < ptr.Deref(hpa.Spec.MinReplicas, 1) || replicas > hpa.Spec.MaxReplicas {
		return o
	}
	ctx, cancel := context.WithTimeout(ctx, c.period+answerTime)
	defer cancel()
	list, err := c.metrics.PodMetricses(hpa.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		o.MetricsErr = err
		return o
	}
	o.Metrics = list.Items
	return o
}

// answerTime is how long figures may take to come, beyond a period.
const answerTime = 10 * time.Second

// rivals are other autoscalers whose targets' selectors find some of the Pods. It notes the selector of this one.
func (c *Controller) rivals(key cache.ObjectName, selector labels.Selector, pods []*corev1.Pod) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[key] = known{history: c.known[key].history, selector: selector}
	var names []string
	for other, known := range c.known {
		if other == key || other.Namespace != key.Namespace || known.selector == nil {
			continue
		}
		if slices.ContainsFunc(pods, func(pod *corev1.Pod) bool { return known.selector.Matches(labels.Set(pod.Labels)) }) {
			names = append(names, other.String())
		}
	}
	slices.Sort(names)
	return names
}

func (c *Controller) remember(key cache.ObjectName, history History) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[key] = known{history: history, selector: c.known[key].selector}
}

// tell writes the status if it differs.
func (c *Controller) tell(ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, status autoscalingv2.HorizontalPodAutoscalerStatus) error {
	if apiequality.Semantic.DeepEqual(hpa.Status, status) {
		return nil
	}
	updated := hpa.DeepCopy()
	updated.Status = status
	_, err := c.client.AutoscalingV2().HorizontalPodAutoscalers(hpa.Namespace).UpdateStatus(ctx, updated, metav1.UpdateOptions{FieldManager: fieldManager})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write status of autoscaler %s/%s: %w", hpa.Namespace, hpa.Name, err)
	}
	return nil
}
