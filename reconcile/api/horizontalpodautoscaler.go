package api

import (
	"fmt"
	"strings"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// autoscalerV2 and autoscalerV1 are two versions of the same stored objects: the funcs of both think in v2.
var (
	autoscalerV2 = Of[*autoscalingv2.HorizontalPodAutoscaler]{
		Group: autoscalingv2.GroupName, Version: "v2", Kind: "HorizontalPodAutoscaler",
		Resource: "horizontalpodautoscalers", Singular: "horizontalpodautoscaler",
		ShortNames: []string{"hpa"}, Categories: []string{"all"}, Namespaced: true,
		New:                    func() *autoscalingv2.HorizontalPodAutoscaler { return &autoscalingv2.HorizontalPodAutoscaler{} },
		NewList:                func() runtime.Object { return &autoscalingv2.HorizontalPodAutoscalerList{} },
		Default:                defaultAutoscaler,
		PrepareForCreate:       prepareAutoscalerForCreate,
		PrepareForUpdate:       prepareAutoscalerForUpdate,
		PrepareForStatusUpdate: prepareAutoscalerForStatusUpdate,
		Validate:               validateAutoscaler,
		ValidateStatusUpdate:   validateAutoscalerStatusUpdate,
		Warnings:               autoscalerWarnings,
		Columns:                autoscalerColumns,
		Row:                    autoscalerRow,
	}
	autoscalerV1 = autoscalerInV1(autoscalerV2)
)

func autoscalerInV1(o Of[*autoscalingv2.HorizontalPodAutoscaler]) Of[*autoscalingv2.HorizontalPodAutoscaler] {
	o.Version = "v1"
	o.Served = func() runtime.Object { return &autoscalingv1.HorizontalPodAutoscaler{} }
	o.ServedList = func() runtime.Object { return &autoscalingv1.HorizontalPodAutoscalerList{} }
	o.Convert = addAutoscalerConversions
	return o
}

// defaultUtilization is the target, in percent of what is requested of CPU, of an autoscaler that names none.
const defaultUtilization = 80

func defaultAutoscaler(hpa *autoscalingv2.HorizontalPodAutoscaler) {
	setDefaultPointer(&hpa.Spec.MinReplicas, 1)
	if len(hpa.Spec.Metrics) == 0 {
		hpa.Spec.Metrics = []autoscalingv2.MetricSpec{cpuUtilization(defaultUtilization)}
	}
	if behavior := hpa.Spec.Behavior; behavior != nil {
		behavior.ScaleUp = defaultScaleUp(behavior.ScaleUp)
		behavior.ScaleDown = defaultScaleDown(behavior.ScaleDown)
	}
}

func cpuUtilization(percent int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent},
	}}
}

// defaultScaleUp fills what the rules of growing leave open: 4 Pods or twice as many each 15 s, whichever is more. The
// result is a new value.
func defaultScaleUp(rules *autoscalingv2.HPAScalingRules) *autoscalingv2.HPAScalingRules {
	return defaultRules(rules, 0,
		autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15},
		autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15})
}

// defaultScaleDown fills what the rules of shrinking leave open: to the most of the last 5 minutes, at once.
func defaultScaleDown(rules *autoscalingv2.HPAScalingRules) *autoscalingv2.HPAScalingRules {
	return defaultRules(rules, 300,
		autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15})
}

func defaultRules(stated *autoscalingv2.HPAScalingRules, window int32, policies ...autoscalingv2.HPAScalingPolicy) *autoscalingv2.HPAScalingRules {
	rules := &autoscalingv2.HPAScalingRules{}
	if stated != nil {
		rules = stated.DeepCopy()
	}
	setDefaultPointer(&rules.StabilizationWindowSeconds, window)
	setDefaultPointer(&rules.SelectPolicy, autoscalingv2.MaxChangePolicySelect)
	if rules.Policies == nil {
		rules.Policies = policies
	}
	return rules
}

func prepareAutoscalerForCreate(hpa *autoscalingv2.HorizontalPodAutoscaler) {
	hpa.Generation = 1
	hpa.Status = autoscalingv2.HorizontalPodAutoscalerStatus{}
}

func prepareAutoscalerForUpdate(hpa, old *autoscalingv2.HorizontalPodAutoscaler) {
	hpa.Status = old.Status
	hpa.Generation = nextGeneration(old.Generation, hpa.Spec, old.Spec)
}

func prepareAutoscalerForStatusUpdate(hpa, old *autoscalingv2.HorizontalPodAutoscaler) {
	hpa.Spec, hpa.Generation = old.Spec, old.Generation
}

// autoscalerWarnings names the metrics that nothing here measures; such an autoscaler says so in its conditions, as one does
// on a cluster without an adapter for them.
func autoscalerWarnings(hpa *autoscalingv2.HorizontalPodAutoscaler) []string {
	var warnings []string
	for i, metric := range hpa.Spec.Metrics {
		switch metric.Type {
		case autoscalingv2.PodsMetricSourceType, autoscalingv2.ObjectMetricSourceType, autoscalingv2.ExternalMetricSourceType:
			warnings = append(warnings, fmt.Sprintf("%s: coracle measures the metrics of type Resource and ContainerResource only; "+
				"this one stays unknown", specPath.Child("metrics").Index(i)))
		}
	}
	return warnings
}

func validateAutoscalerStatusUpdate(hpa, _ *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	return validateCounts(count{field: "currentReplicas", value: hpa.Status.CurrentReplicas}, count{field: "desiredReplicas", value: hpa.Status.DesiredReplicas})
}

var autoscalerColumns = []metav1.TableColumnDefinition{
	nameColumn,
	column("Reference", "string", "What is scaled."),
	column("Targets", "string", "Of each metric, what it is now and what it should be."),
	column("MinPods", "string", "The fewest Pods that there may be."),
	column("MaxPods", "string", "The most Pods that there may be."),
	column("Replicas", "string", "How many Pods there were when it looked last."),
	ageColumn,
}

func autoscalerRow(hpa *autoscalingv2.HorizontalPodAutoscaler, now time.Time) []any {
	least := "<unset>"
	if hpa.Spec.MinReplicas != nil {
		least = fmt.Sprint(*hpa.Spec.MinReplicas)
	}
	target := hpa.Spec.ScaleTargetRef
	return []any{
		hpa.Name, target.Kind + "/" + target.Name, autoscalerTargets(hpa.Spec.Metrics, hpa.Status.CurrentMetrics), least,
		int64(hpa.Spec.MaxReplicas), int64(hpa.Status.CurrentReplicas), age(hpa.CreationTimestamp, now),
	}
}

// shownTargets is how many metrics have room in the table.
const shownTargets = 2

// autoscalerTargets is "cpu: 12%/80%, memory: <unknown>/200Mi".
func autoscalerTargets(specs []autoscalingv2.MetricSpec, statuses []autoscalingv2.MetricStatus) string {
	if len(specs) == 0 {
		return "<none>"
	}
	var shown []string
	for i, spec := range specs {
		var status autoscalingv2.MetricStatus
		if i < len(statuses) {
			status = statuses[i]
		}
		shown = append(shown, autoscalerTarget(spec, status))
	}
	if more := len(shown) - shownTargets; more > 0 {
		return fmt.Sprintf("%s + %d more...", strings.Join(shown[:shownTargets], ", "), more)
	}
	return strings.Join(shown, ", ")
}

func autoscalerTarget(spec autoscalingv2.MetricSpec, status autoscalingv2.MetricStatus) string {
	switch {
	case spec.Resource != nil:
		var current autoscalingv2.MetricValueStatus
		if status.Resource != nil {
			current = status.Resource.Current
		}
		return resourceTarget(spec.Resource.Name, spec.Resource.Target, current)
	case spec.ContainerResource != nil:
		var current autoscalingv2.MetricValueStatus
		if status.ContainerResource != nil {
			current = status.ContainerResource.Current
		}
		return resourceTarget(spec.ContainerResource.Name, spec.ContainerResource.Target, current)
	case spec.Pods != nil:
		return "<unknown>/" + quantityText(spec.Pods.Target.AverageValue)
	case spec.Object != nil:
		return "<unknown>/" + valueText(spec.Object.Target)
	case spec.External != nil:
		return "<unknown>/" + valueText(spec.External.Target)
	}
	return "<unknown type>"
}

func resourceTarget(name corev1.ResourceName, target autoscalingv2.MetricTarget, current autoscalingv2.MetricValueStatus) string {
	if target.AverageValue != nil {
		return fmt.Sprintf("%s: %s/%s", name, quantityText(current.AverageValue), target.AverageValue)
	}
	return fmt.Sprintf("%s: %s/%s", name, percentText(current.AverageUtilization, "<unknown>"), percentText(target.AverageUtilization, "<auto>"))
}

func valueText(target autoscalingv2.MetricTarget) string {
	if target.AverageValue != nil {
		return target.AverageValue.String() + " (avg)"
	}
	return quantityText(target.Value)
}

func quantityText(quantity *resource.Quantity) string {
	if quantity == nil {
		return "<unknown>"
	}
	return quantity.String()
}

func percentText(percent *int32, absent string) string {
	if percent == nil {
		return absent
	}
	return fmt.Sprintf("%d%%", *percent)
}
