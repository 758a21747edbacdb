package horizontalpodautoscaler

import (
	"errors"
	"fmt"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// proposal is what one metric calls for.
type proposal struct {
	replicas int32
	name     string // for the reason, as "cpu resource utilization (percentage of request)"
	status   autoscalingv2.MetricStatus
}

// propose is the most that any metric calls for, and the metric's name. With an error there may be a proposal all the same, of
// the metrics that can be read; -1 is none. Nothing shrinks while a metric cannot be read.
func (d *decision) propose(current int32) (wanted int32, name string, statuses []autoscalingv2.MetricStatus, err error) {
	if err := d.checkSelector(); err != nil {
		return -1, "", nil, err
	}
	var failed int
	var first error
	var unreadable autoscalingv2.HorizontalPodAutoscalerCondition
	for _, spec := range d.hpa.Spec.Metrics {
		p, reason, err := d.measure(spec, current)
		statuses = append(statuses, p.status)
		if err != nil {
			d.event(corev1.EventTypeWarning, reason, err.Error())
			if failed++; first == nil {
				first = describe(spec, err)
				unreadable.Reason, unreadable.Message = reason, fmt.Sprintf("the HPA was unable to compute the replica count: %v", err)
			}
			continue
		}
		if name == "" || p.replicas > wanted {
			wanted, name = p.replicas, p.name
		}
	}
	if failed > 0 {
		err = fmt.Errorf("invalid metrics (%d invalid out of %d), first error is: %w", failed, len(d.hpa.Spec.Metrics), first)
	}
	if failed == len(d.hpa.Spec.Metrics) || failed > 0 && wanted < current {
		d.condition(autoscalingv2.ScalingActive, corev1.ConditionFalse, unreadable.Reason, unreadable.Message)
		return -1, "", statuses, err
	}
	d.condition(autoscalingv2.ScalingActive, corev1.ConditionTrue, "ValidMetricFound",
		"the HPA was able to successfully calculate a replica count from "+name)
	return wanted, name, statuses, err
}

// checkSelector refuses targets whose Pods cannot be told from others'.
func (d *decision) checkSelector() error {
	fail := func(reason, message, condition string) error {
		d.event(corev1.EventTypeWarning, reason, message)
		d.condition(autoscalingv2.ScalingActive, corev1.ConditionFalse, strings.Replace(reason, "SelectorRequired", "InvalidSelector", 1), condition)
		return errors.New(message)
	}
	selector := d.observed.Scale.Status.Selector
	if selector == "" {
		return fail("SelectorRequired", "selector is required", "the HPA target's scale is missing a selector")
	}
	if _, err := labels.Parse(selector); err != nil {
		message := fmt.Sprintf("couldn't convert selector into a corresponding internal selector object: %v", err)
		return fail("InvalidSelector", message, message)
	}
	if len(d.observed.Rivals) > 0 {
		all := append([]string{d.hpa.Namespace + "/" + d.hpa.Name}, d.observed.Rivals...)
		message := fmt.Sprintf("pods by selector %s are controlled by multiple HPAs: %v", selector, all)
		return fail("AmbiguousSelector", message, message)
	}
	return nil
}

// measure is the proposal of one metric, or why there is none, with the reason for the condition.
func (d *decision) measure(spec autoscalingv2.MetricSpec, current int32) (p proposal, reason string, err error) {
	p.status.Type = spec.Type
	switch spec.Type {
	case autoscalingv2.ResourceMetricSourceType:
		value, err := d.measureResource(&p, spec.Resource.Name, "", spec.Resource.Target, current)
		if err != nil {
			return p, "FailedGetResourceMetric", err
		}
		p.status.Resource = &autoscalingv2.ResourceMetricStatus{Name: spec.Resource.Name, Current: value}
	case autoscalingv2.ContainerResourceMetricSourceType:
		source := spec.ContainerResource
		value, err := d.measureResource(&p, source.Name, source.Container, source.Target, current)
		if err != nil {
			return p, "FailedGetContainerResourceMetric", err
		}
		p.status.ContainerResource = &autoscalingv2.ContainerResourceMetricStatus{Name: source.Name, Container: source.Container, Current: value}
	case autoscalingv2.PodsMetricSourceType:
		return p, "FailedGetPodsMetric", fmt.Errorf("unable to get metric %s: %w", spec.Pods.Metric.Name, errNoCustomMetrics)
	case autoscalingv2.ObjectMetricSourceType:
		return p, "FailedGetObjectMetric", fmt.Errorf("unable to get metric %s: %s on %s %s: %w",
			spec.Object.Metric.Name, spec.Object.DescribedObject.Kind, d.hpa.Namespace, spec.Object.DescribedObject.Name, errNoCustomMetrics)
	case autoscalingv2.ExternalMetricSourceType:
		return p, "FailedGetExternalMetric", fmt.Errorf("unable to get external metric %s/%s/%s: %w",
			d.hpa.Namespace, spec.External.Metric.Name, metav1.FormatLabelSelector(spec.External.Metric.Selector), errNoExternalMetrics)
	default:
		return p, "InvalidMetricSourceType", fmt.Errorf("unknown metric source type %q", spec.Type)
	}
	return p, "", nil
}

// What a cluster without an adapter says.
var (
	errNoCustomMetrics   = errors.New("unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered")
	errNoExternalMetrics = errors.New("unable to fetch metrics from external metrics API: no external metrics API (external.metrics.k8s.io) registered")
)

// describe says which metric could not be read.
func describe(spec autoscalingv2.MetricSpec, err error) error {
	switch spec.Type {
	case autoscalingv2.ResourceMetricSourceType:
		return fmt.Errorf("failed to get %s resource metric value: %w", spec.Resource.Name, err)
	case autoscalingv2.ContainerResourceMetricSourceType:
		return fmt.Errorf("failed to get %s container metric value: %w", spec.ContainerResource.Name, err)
	}
	return fmt.Errorf("failed to get %s metric value: %w", strings.ToLower(string(spec.Type)), err)
}

// measureResource compares what the Pods use of a resource, or one container of each, with the target.
func (d *decision) measureResource(p *proposal, name corev1.ResourceName, container string, target autoscalingv2.MetricTarget, current int32) (autoscalingv2.MetricValueStatus, error) {
	c := calculation{decision: d, resource: name, container: container, current: current}
	switch {
	case target.AverageValue != nil:
		average, err := c.byValue(target.AverageValue.MilliValue())
		if err != nil {
			return autoscalingv2.MetricValueStatus{}, fmt.Errorf("failed to get %s usage: %w", name, err)
		}
		p.name, p.replicas = fmt.Sprintf("%s resource", name), c.replicas
		return autoscalingv2.MetricValueStatus{AverageValue: resource.NewMilliQuantity(average, resource.DecimalSI)}, nil
	case target.AverageUtilization != nil:
		utilization, average, err := c.byUtilization(*target.AverageUtilization)
		if err != nil {
			return autoscalingv2.MetricValueStatus{}, fmt.Errorf("failed to get %s utilization: %w", name, err)
		}
		p.name, p.replicas = fmt.Sprintf("%s resource utilization (percentage of request)", name), c.replicas
		return autoscalingv2.MetricValueStatus{AverageUtilization: &utilization, AverageValue: resource.NewMilliQuantity(average, resource.DecimalSI)}, nil
	}
	return autoscalingv2.MetricValueStatus{}, errors.New("invalid resource metric source: neither an average utilization target nor an average value (usage) target was set")
}
