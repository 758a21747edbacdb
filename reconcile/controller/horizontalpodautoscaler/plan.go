package horizontalpodautoscaler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"k8s.io/utils/ptr"
)

// Observed is everything that a decision depends on, beside the autoscaler itself and the time.
type Observed struct {
	Scale    *autoscalingv1.Scale
	ScaleErr error // why there is no Scale

	Pods       []*corev1.Pod // that the scale's selector finds, in any order
	Metrics    []metricsv1beta1.PodMetrics
	MetricsErr error
	// Rivals are other autoscalers, as "namespace/name", whose targets have some of the Pods.
	Rivals []string

	History History
}

// Plan is what is done about an autoscaler.
type Plan struct {
	// Replicas is the size to set; nil leaves the scale alone.
	Replicas *int32
	Reason   string
	Status   autoscalingv2.HorizontalPodAutoscalerStatus
	Events   []Event
	History  History
}

// Event is one to record about the autoscaler.
type Event struct{ Type, Reason, Message string }

// decision is a plan in the making.
type decision struct {
	hpa      *autoscalingv2.HorizontalPodAutoscaler
	observed Observed
	now      time.Time
	plan     Plan
}

// Decide is what to do now. The order of Pods and Metrics does not matter.
func Decide(hpa *autoscalingv2.HorizontalPodAutoscaler, observed Observed, now time.Time) Plan {
	// What is said names the first Pod of several: the same one each time.
	observed.Pods = slices.SortedFunc(slices.Values(observed.Pods), func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	observed.Metrics = slices.SortedFunc(slices.Values(observed.Metrics), func(a, b metricsv1beta1.PodMetrics) int { return strings.Compare(a.Name, b.Name) })
	d := &decision{hpa: hpa, observed: observed, now: now}
	d.plan.History = observed.History.clone()
	d.plan.Status = *hpa.Status.DeepCopy()
	d.plan.Status.ObservedGeneration = &hpa.Generation
	if err := observed.ScaleErr; err != nil {
		d.event(corev1.EventTypeWarning, "FailedGetScale", err.Error())
		d.condition(autoscalingv2.AbleToScale, corev1.ConditionFalse, "FailedGetScale",
			fmt.Sprintf("the HPA controller was unable to get the target's current scale: %v", err))
		return d.plan
	}
	d.condition(autoscalingv2.AbleToScale, corev1.ConditionTrue, "SucceededGetScale", "the HPA controller was able to get the target's current scale")
	d.size()
	return d.plan
}

// size decides how many there should be.
func (d *decision) size() {
	current, least, most := d.observed.Scale.Spec.Replicas, ptr.Deref(d.hpa.Spec.MinReplicas, 1), d.hpa.Spec.MaxReplicas
	d.plan.Status.CurrentReplicas = current
	d.plan.History.begin(current, d.now)
	switch {
	case current == 0 && least != 0:
		d.condition(autoscalingv2.ScalingActive, corev1.ConditionFalse, "ScalingDisabled", "scaling is disabled since the replica count of the target is zero")
		d.settle(0, nil, "")
	case current > most:
		d.settle(most, nil, "Current number of replicas above Spec.MaxReplicas")
	case current < least:
		d.settle(least, nil, "Current number of replicas below Spec.MinReplicas")
	default:
		wanted, name, statuses, err := d.propose(current)
		if err != nil {
			d.event(corev1.EventTypeWarning, "FailedComputeMetricsReplicas", err.Error())
			if wanted < 0 {
				d.plan.Status.CurrentMetrics = statuses
				return
			}
		}
		reason := ""
		if wanted > current {
			reason = name + " above target"
		} else if wanted < current {
			reason = "All metrics below target"
		}
		d.settle(d.bound(current, wanted, least, most), statuses, reason)
	}
}

// settle takes the size down, and sets it if it is another.
func (d *decision) settle(replicas int32, statuses []autoscalingv2.MetricStatus, reason string) {
	d.plan.Status.DesiredReplicas, d.plan.Status.CurrentMetrics = replicas, statuses
	if replicas != d.plan.Status.CurrentReplicas {
		d.plan.Replicas, d.plan.Reason = &replicas, reason
	}
}

// Scaled is the plan after its replicas were set, or after that failed with err.
func (p Plan) Scaled(hpa *autoscalingv2.HorizontalPodAutoscaler, err error, now time.Time) Plan {
	d := &decision{hpa: hpa, now: now, plan: p}
	from, to := p.Status.CurrentReplicas, *p.Replicas
	if err != nil {
		d.event(corev1.EventTypeWarning, "FailedRescale", fmt.Sprintf("New size: %d; reason: %s; error: %v", to, p.Reason, err))
		d.condition(autoscalingv2.AbleToScale, corev1.ConditionFalse, "FailedUpdateScale",
			fmt.Sprintf("the HPA controller was unable to update the target scale: %v", err))
		d.plan.Status.DesiredReplicas = hpa.Status.DesiredReplicas
		return d.plan
	}
	d.event(corev1.EventTypeNormal, "SuccessfulRescale", fmt.Sprintf("New size: %d; reason: %s", to, p.Reason))
	d.condition(autoscalingv2.AbleToScale, corev1.ConditionTrue, "SucceededRescale",
		fmt.Sprintf("the HPA controller was able to update the target scale to %d", to))
	d.plan.Status.LastScaleTime = timeOf(now)
	d.plan.History = p.History.clone()
	d.plan.History.changed(from, to, now)
	return d.plan
}
