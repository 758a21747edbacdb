package api

import (
	"encoding/json"
	"maps"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// autoscaling/v1 has fields for one metric only, the utilization of CPU. All else of v2 is in annotations there, as JSON of v1's own
// types; they are never stored. Keys and contents are upstream's.
const (
	metricsAnnotation        = "autoscaling.alpha.kubernetes.io/metrics"
	currentMetricsAnnotation = "autoscaling.alpha.kubernetes.io/current-metrics"
	conditionsAnnotation     = "autoscaling.alpha.kubernetes.io/conditions"
	behaviorAnnotation       = "autoscaling.alpha.kubernetes.io/behavior"
)

// convertAutoscalerFromV1 does not fail: what cannot be read of an annotation does not count. It fills the defaults of v2, which
// decoding v1 knows nothing of.
func convertAutoscalerFromV1(in *autoscalingv1.HorizontalPodAutoscaler, out *autoscalingv2.HorizontalPodAutoscaler) {
	*out = autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: in.ObjectMeta,
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference(in.Spec.ScaleTargetRef),
			MinReplicas:    in.Spec.MinReplicas,
			MaxReplicas:    in.Spec.MaxReplicas,
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{
			ObservedGeneration: in.Status.ObservedGeneration,
			LastScaleTime:      in.Status.LastScaleTime,
			CurrentReplicas:    in.Status.CurrentReplicas,
			DesiredReplicas:    in.Status.DesiredReplicas,
		},
	}
	readAnnotation(in, metricsAnnotation, func(metrics []autoscalingv1.MetricSpec) {
		for i := range metrics {
			out.Spec.Metrics = append(out.Spec.Metrics, metricFromV1(&metrics[i]))
		}
	})
	if target := in.Spec.TargetCPUUtilizationPercentage; target != nil {
		out.Spec.Metrics = append(out.Spec.Metrics, cpuUtilization(*target))
	}
	readAnnotation(in, behaviorAnnotation, func(behavior *autoscalingv2.HorizontalPodAutoscalerBehavior) { out.Spec.Behavior = behavior })
	if current := in.Status.CurrentCPUUtilizationPercentage; current != nil {
		out.Status.CurrentMetrics = []autoscalingv2.MetricStatus{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricStatus{
			Name: corev1.ResourceCPU, Current: autoscalingv2.MetricValueStatus{AverageUtilization: current},
		}}}
	}
	readAnnotation(in, currentMetricsAnnotation, func(metrics []autoscalingv1.MetricStatus) {
		out.Status.CurrentMetrics = nil // they have that of the CPU, too
		for i := range metrics {
			out.Status.CurrentMetrics = append(out.Status.CurrentMetrics, metricStatusFromV1(&metrics[i]))
		}
	})
	readAnnotation(in, conditionsAnnotation, func(conditions []autoscalingv1.HorizontalPodAutoscalerCondition) {
		for _, c := range conditions {
			out.Status.Conditions = append(out.Status.Conditions, autoscalingv2.HorizontalPodAutoscalerCondition{
				Type: autoscalingv2.HorizontalPodAutoscalerConditionType(c.Type), Status: c.Status, LastTransitionTime: c.LastTransitionTime,
				Reason: c.Reason, Message: c.Message, ObservedGeneration: c.ObservedGeneration,
			})
		}
	})
	out.Annotations = withoutAutoscalerAnnotations(in.Annotations)
	defaultAutoscaler(out)
}

func convertAutoscalerToV1(in *autoscalingv2.HorizontalPodAutoscaler, out *autoscalingv1.HorizontalPodAutoscaler) {
	*out = autoscalingv1.HorizontalPodAutoscaler{
		ObjectMeta: in.ObjectMeta,
		Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv1.CrossVersionObjectReference(in.Spec.ScaleTargetRef),
			MinReplicas:    in.Spec.MinReplicas,
			MaxReplicas:    in.Spec.MaxReplicas,
		},
		Status: autoscalingv1.HorizontalPodAutoscalerStatus{
			ObservedGeneration: in.Status.ObservedGeneration,
			LastScaleTime:      in.Status.LastScaleTime,
			CurrentReplicas:    in.Status.CurrentReplicas,
			DesiredReplicas:    in.Status.DesiredReplicas,
		},
	}
	out.Annotations = withoutAutoscalerAnnotations(in.Annotations)
	var others []autoscalingv1.MetricSpec
	for i := range in.Spec.Metrics {
		metric := &in.Spec.Metrics[i]
		if percent := cpuTarget(metric); percent != nil && out.Spec.TargetCPUUtilizationPercentage == nil {
			out.Spec.TargetCPUUtilizationPercentage = percent
			continue
		}
		others = append(others, metricToV1(metric))
	}
	var statuses []autoscalingv1.MetricStatus
	for i := range in.Status.CurrentMetrics {
		status := &in.Status.CurrentMetrics[i]
		if status.Type == autoscalingv2.ResourceMetricSourceType && status.Resource != nil && status.Resource.Name == corev1.ResourceCPU {
			out.Status.CurrentCPUUtilizationPercentage = status.Resource.Current.AverageUtilization
		}
		statuses = append(statuses, metricStatusToV1(status))
	}
	var conditions []autoscalingv1.HorizontalPodAutoscalerCondition
	for _, c := range in.Status.Conditions {
		conditions = append(conditions, autoscalingv1.HorizontalPodAutoscalerCondition{
			Type: autoscalingv1.HorizontalPodAutoscalerConditionType(c.Type), Status: c.Status, LastTransitionTime: c.LastTransitionTime,
			Reason: c.Reason, Message: c.Message, ObservedGeneration: c.ObservedGeneration,
		})
	}
	writeAnnotation(out, metricsAnnotation, others, len(others) > 0)
	writeAnnotation(out, currentMetricsAnnotation, statuses, len(statuses) > 0)
	writeAnnotation(out, conditionsAnnotation, conditions, len(conditions) > 0)
	writeAnnotation(out, behaviorAnnotation, in.Spec.Behavior, in.Spec.Behavior != nil)
}

// cpuTarget is the utilization that v1 has a field for, or nil.
func cpuTarget(metric *autoscalingv2.MetricSpec) *int32 {
	if metric.Type != autoscalingv2.ResourceMetricSourceType || metric.Resource == nil || metric.Resource.Name != corev1.ResourceCPU {
		return nil
	}
	return metric.Resource.Target.AverageUtilization
}

func withoutAutoscalerAnnotations(annotations map[string]string) map[string]string {
	if annotations == nil {
		return nil
	}
	kept := maps.Clone(annotations)
	for _, key := range []string{metricsAnnotation, currentMetricsAnnotation, conditionsAnnotation, behaviorAnnotation} {
		delete(kept, key)
	}
	return kept
}

func readAnnotation[T any](hpa *autoscalingv1.HorizontalPodAutoscaler, key string, use func(T)) {
	text, there := hpa.Annotations[key]
	var value T
	if there && json.Unmarshal([]byte(text), &value) == nil {
		use(value)
	}
}

// writeAnnotation writes into annotations that are out's own.
func writeAnnotation(out *autoscalingv1.HorizontalPodAutoscaler, key string, value any, there bool) {
	if !there {
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		return // types of the API are always JSON
	}
	if out.Annotations == nil {
		out.Annotations = map[string]string{}
	}
	out.Annotations[key] = string(text)
}

func convertAutoscalersFromV1(in *autoscalingv1.HorizontalPodAutoscalerList, out *autoscalingv2.HorizontalPodAutoscalerList) {
	*out = autoscalingv2.HorizontalPodAutoscalerList{ListMeta: in.ListMeta, Items: make([]autoscalingv2.HorizontalPodAutoscaler, len(in.Items))}
	for i := range in.Items {
		convertAutoscalerFromV1(&in.Items[i], &out.Items[i])
	}
}

func convertAutoscalersToV1(in *autoscalingv2.HorizontalPodAutoscalerList, out *autoscalingv1.HorizontalPodAutoscalerList) {
	*out = autoscalingv1.HorizontalPodAutoscalerList{ListMeta: in.ListMeta, Items: make([]autoscalingv1.HorizontalPodAutoscaler, len(in.Items))}
	for i := range in.Items {
		convertAutoscalerToV1(&in.Items[i], &out.Items[i])
	}
}

func addAutoscalerConversions(scheme *runtime.Scheme) error {
	for _, add := range []func(*runtime.Scheme) error{
		converts(convertAutoscalerFromV1), converts(convertAutoscalerToV1),
		converts(convertAutoscalersFromV1), converts(convertAutoscalersToV1),
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	return nil
}
