package api

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/api/validate/content"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

const (
	longestPolicyPeriod        = 30 * 60 // seconds
	longestStabilizationWindow = 60 * 60
)

func validateAutoscaler(hpa *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	var errs field.ErrorList
	spec := hpa.Spec
	if spec.MinReplicas != nil && *spec.MinReplicas < 1 {
		errs = append(errs, field.Invalid(specPath.Child("minReplicas"), *spec.MinReplicas, "must be greater than or equal to 1"))
	}
	if spec.MaxReplicas < 1 {
		errs = append(errs, field.Invalid(specPath.Child("maxReplicas"), spec.MaxReplicas, "must be greater than 0"))
	}
	if spec.MinReplicas != nil && spec.MaxReplicas < *spec.MinReplicas {
		errs = append(errs, field.Invalid(specPath.Child("maxReplicas"), spec.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	errs = append(errs, validateScaleTarget(spec.ScaleTargetRef, specPath.Child("scaleTargetRef"))...)
	for i := range spec.Metrics {
		errs = append(errs, validateMetric(&spec.Metrics[i], specPath.Child("metrics").Index(i))...)
	}
	if behavior := spec.Behavior; behavior != nil {
		at := specPath.Child("behavior")
		errs = append(errs, validateScalingRules(behavior.ScaleUp, at.Child("scaleUp"))...)
		errs = append(errs, validateScalingRules(behavior.ScaleDown, at.Child("scaleDown"))...)
	}
	return errs
}

func validateScaleTarget(ref autoscalingv2.CrossVersionObjectReference, at *field.Path) field.ErrorList {
	errs := requirePathSegment(ref.Kind, at.Child("kind"))
	errs = append(errs, requirePathSegment(ref.Name, at.Child("name"))...)
	if _, err := schema.ParseGroupVersion(ref.APIVersion); err != nil {
		errs = append(errs, field.Invalid(at.Child("apiVersion"), ref.APIVersion, err.Error()))
	}
	return errs
}

func requirePathSegment(value string, at *field.Path) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	return invalid(at, value, content.IsPathSegmentName(value))
}

var metricSources = sets.New(autoscalingv2.ObjectMetricSourceType, autoscalingv2.PodsMetricSourceType, autoscalingv2.ResourceMetricSourceType,
	autoscalingv2.ExternalMetricSourceType, autoscalingv2.ContainerResourceMetricSourceType)

// validateMetric wants the one source that the type names.
func validateMetric(metric *autoscalingv2.MetricSpec, at *field.Path) field.ErrorList {
	if metric.Type == "" {
		return field.ErrorList{field.Required(at.Child("type"), "must specify a metric source type")}
	}
	if !metricSources.Has(metric.Type) {
		return field.ErrorList{field.NotSupported(at.Child("type"), metric.Type, sets.List(metricSources))}
	}
	var errs field.ErrorList
	for _, source := range []struct {
		kind  autoscalingv2.MetricSourceType
		name  string
		there bool
		judge func(at *field.Path) field.ErrorList
	}{
		{autoscalingv2.ObjectMetricSourceType, "object", metric.Object != nil, func(at *field.Path) field.ErrorList { return validateObjectMetric(metric.Object, at) }},
		{autoscalingv2.PodsMetricSourceType, "pods", metric.Pods != nil, func(at *field.Path) field.ErrorList { return validatePodsMetric(metric.Pods, at) }},
		{autoscalingv2.ExternalMetricSourceType, "external", metric.External != nil, func(at *field.Path) field.ErrorList { return validateExternalMetric(metric.External, at) }},
		{autoscalingv2.ResourceMetricSourceType, "resource", metric.Resource != nil, func(at *field.Path) field.ErrorList {
			return validateResourceMetric(string(metric.Resource.Name), metric.Resource.Target, at)
		}},
		{autoscalingv2.ContainerResourceMetricSourceType, "containerResource", metric.ContainerResource != nil, func(at *field.Path) field.ErrorList {
			errs := validateResourceMetric(string(metric.ContainerResource.Name), metric.ContainerResource.Target, at)
			if metric.ContainerResource.Container == "" {
				errs = append(errs, field.Required(at.Child("container"), "must specify a container"))
			}
			return errs
		}},
	} {
		switch wanted := source.kind == metric.Type; {
		case wanted && !source.there:
			errs = append(errs, field.Required(at.Child(source.name), "must populate information for the given metric source"))
		case wanted:
			errs = append(errs, source.judge(at.Child(source.name))...)
		case source.there:
			errs = append(errs, field.Forbidden(at.Child(source.name), "must populate the given metric source only"))
		}
	}
	return errs
}

func validateResourceMetric(name string, target autoscalingv2.MetricTarget, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if name == "" {
		errs = append(errs, field.Required(at.Child("name"), "must specify a resource name"))
	}
	errs = append(errs, validateMetricTarget(target, at.Child("target"))...)
	if target.AverageUtilization == nil && target.AverageValue == nil {
		errs = append(errs, field.Required(at.Child("target", "averageUtilization"), "must set either a target raw value or a target utilization"))
	}
	if target.AverageUtilization != nil && target.AverageValue != nil {
		errs = append(errs, field.Forbidden(at.Child("target", "averageValue"), "may not set both a target raw value and a target utilization"))
	}
	return errs
}

func validateObjectMetric(metric *autoscalingv2.ObjectMetricSource, at *field.Path) field.ErrorList {
	errs := validateScaleTarget(metric.DescribedObject, at.Child("describedObject"))
	errs = append(errs, validateMetricIdentifier(metric.Metric, at.Child("metric"))...)
	errs = append(errs, validateMetricTarget(metric.Target, at.Child("target"))...)
	if metric.Target.Value == nil && metric.Target.AverageValue == nil {
		errs = append(errs, field.Required(at.Child("target", "averageValue"), "must set either a target value or a target average value"))
	}
	return errs
}

func validatePodsMetric(metric *autoscalingv2.PodsMetricSource, at *field.Path) field.ErrorList {
	errs := validateMetricIdentifier(metric.Metric, at.Child("metric"))
	errs = append(errs, validateMetricTarget(metric.Target, at.Child("target"))...)
	if metric.Target.AverageValue == nil || metric.Target.AverageValue.Sign() != 1 {
		errs = append(errs, field.Required(at.Child("target", "averageValue"), "must specify a positive target averageValue"))
	}
	return errs
}

func validateExternalMetric(metric *autoscalingv2.ExternalMetricSource, at *field.Path) field.ErrorList {
	errs := validateMetricIdentifier(metric.Metric, at.Child("metric"))
	errs = append(errs, validateMetricTarget(metric.Target, at.Child("target"))...)
	if metric.Target.Value == nil && metric.Target.AverageValue == nil {
		errs = append(errs, field.Required(at.Child("target", "averageValue"), "must set either a target value for metric or a per-pod target"))
	}
	if metric.Target.Value != nil && metric.Target.AverageValue != nil {
		errs = append(errs, field.Forbidden(at.Child("target", "value"), "may not set both a target value for metric and a per-pod target"))
	}
	return errs
}

func validateMetricIdentifier(metric autoscalingv2.MetricIdentifier, at *field.Path) field.ErrorList {
	errs := requirePathSegment(metric.Name, at.Child("name"))
	if metric.Selector != nil {
		errs = append(errs, metav1validation.ValidateLabelSelector(metric.Selector, metav1validation.LabelSelectorValidationOptions{}, at.Child("selector"))...)
	}
	return errs
}

var metricTargetTypes = sets.New(autoscalingv2.UtilizationMetricType, autoscalingv2.ValueMetricType, autoscalingv2.AverageValueMetricType)

func validateMetricTarget(target autoscalingv2.MetricTarget, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if target.Type == "" {
		errs = append(errs, field.Required(at.Child("type"), "must specify a metric target type"))
	} else if !metricTargetTypes.Has(target.Type) {
		errs = append(errs, field.Invalid(at.Child("type"), target.Type, "must be either Utilization, Value, or AverageValue"))
	}
	positive := func(name string, value *resource.Quantity) {
		if value != nil && value.Sign() != 1 {
			errs = append(errs, field.Invalid(at.Child(name), value.String(), "must be positive"))
		}
	}
	positive("value", target.Value)
	positive("averageValue", target.AverageValue)
	if target.AverageUtilization != nil && *target.AverageUtilization < 1 {
		errs = append(errs, field.Invalid(at.Child("averageUtilization"), *target.AverageUtilization, "must be greater than 0"))
	}
	return errs
}

var selectPolicies = sets.New(autoscalingv2.MaxChangePolicySelect, autoscalingv2.MinChangePolicySelect, autoscalingv2.DisabledPolicySelect)

func validateScalingRules(rules *autoscalingv2.HPAScalingRules, at *field.Path) field.ErrorList {
	if rules == nil {
		return nil
	}
	window := int64(ptr.Deref(rules.StabilizationWindowSeconds, 0))
	errs := apivalidation.ValidateNonnegativeField(window, at.Child("stabilizationWindowSeconds"))
	if window > longestStabilizationWindow {
		errs = append(errs, field.Invalid(at.Child("stabilizationWindowSeconds"), window, fmt.Sprintf("must be less than or equal to %d", longestStabilizationWindow)))
	}
	if rules.SelectPolicy != nil && !selectPolicies.Has(*rules.SelectPolicy) {
		errs = append(errs, field.NotSupported(at.Child("selectPolicy"), *rules.SelectPolicy, sets.List(selectPolicies)))
	}
	if len(rules.Policies) == 0 {
		errs = append(errs, field.Required(at.Child("policies"), "must specify at least one Policy"))
	}
	for i, policy := range rules.Policies {
		errs = append(errs, validateScalingPolicy(policy, at.Child("policies").Index(i))...)
	}
	if rules.Tolerance != nil && rules.Tolerance.Sign() < 0 {
		errs = append(errs, field.Invalid(at.Child("tolerance"), rules.Tolerance.String(), "must be greater than or equal to 0"))
	}
	return errs
}

func validateScalingPolicy(policy autoscalingv2.HPAScalingPolicy, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if policy.Type != autoscalingv2.PodsScalingPolicy && policy.Type != autoscalingv2.PercentScalingPolicy {
		errs = append(errs, field.NotSupported(at.Child("type"), policy.Type, []autoscalingv2.HPAScalingPolicyType{autoscalingv2.PercentScalingPolicy, autoscalingv2.PodsScalingPolicy}))
	}
	if policy.Value <= 0 {
		errs = append(errs, field.Invalid(at.Child("value"), policy.Value, "must be greater than zero"))
	}
	if policy.PeriodSeconds <= 0 {
		errs = append(errs, field.Invalid(at.Child("periodSeconds"), policy.PeriodSeconds, "must be greater than zero"))
	}
	if policy.PeriodSeconds > longestPolicyPeriod {
		errs = append(errs, field.Invalid(at.Child("periodSeconds"), policy.PeriodSeconds, fmt.Sprintf("must be less than or equal to %d", longestPolicyPeriod)))
	}
	return errs
}
