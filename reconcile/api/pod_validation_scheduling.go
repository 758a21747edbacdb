package api

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateScheduling judges what says where the Pod may run.
func validateScheduling(spec *corev1.PodSpec, at *field.Path) field.ErrorList {
	errs := metav1validation.ValidateLabels(spec.NodeSelector, at.Child("nodeSelector"))
	errs = append(errs, validateTolerations(spec.Tolerations, at.Child("tolerations"))...)
	errs = append(errs, validateSpread(spec.TopologySpreadConstraints, at.Child("topologySpreadConstraints"))...)
	if policy := spec.PreemptionPolicy; policy != nil {
		errs = append(errs, oneOf(*policy, at.Child("preemptionPolicy"), corev1.PreemptLowerPriority, corev1.PreemptNever)...)
	}
	if a := spec.Affinity; a != nil {
		at := at.Child("affinity")
		errs = append(errs, validateNodeAffinity(a.NodeAffinity, at.Child("nodeAffinity"))...)
		if a.PodAffinity != nil {
			errs = append(errs, validatePodAffinity(a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution,
				a.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution, at.Child("podAffinity"))...)
		}
		if a.PodAntiAffinity != nil {
			errs = append(errs, validatePodAffinity(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution,
				a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution, at.Child("podAntiAffinity"))...)
		}
	}
	return errs
}

func validateTolerations(tolerations []corev1.Toleration, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, t := range tolerations {
		here := at.Index(i)
		if t.Key != "" {
			errs = append(errs, metav1validation.ValidateLabelName(t.Key, here.Child("key"))...)
		} else if t.Operator != corev1.TolerationOpExists {
			errs = append(errs, field.Invalid(here.Child("operator"), t.Operator,
				"operator must be Exists when `key` is empty, which means \"match all values and all keys\""))
		}
		if t.TolerationSeconds != nil && t.Effect != corev1.TaintEffectNoExecute {
			errs = append(errs, field.Invalid(here.Child("effect"), t.Effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
		}
		switch t.Operator {
		case corev1.TolerationOpEqual, "":
			errs = append(errs, invalid(here.Child("operator"), t.Value, validation.IsValidLabelValue(t.Value))...)
		case corev1.TolerationOpExists:
			if t.Value != "" {
				errs = append(errs, field.Invalid(here.Child("operator"), t, "value must be empty when `operator` is 'Exists'"))
			}
		default:
			errs = append(errs, field.NotSupported(here.Child("operator"), t.Operator,
				[]corev1.TolerationOperator{corev1.TolerationOpEqual, corev1.TolerationOpExists}))
		}
		if t.Effect != "" {
			errs = append(errs, oneOf(t.Effect, here.Child("effect"),
				corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)...)
		}
	}
	return errs
}

func validateSpread(constraints []corev1.TopologySpreadConstraint, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, c := range constraints {
		here := at.Index(i)
		if c.MaxSkew <= 0 {
			errs = append(errs, field.Invalid(here.Child("maxSkew"), c.MaxSkew, "must be greater than zero"))
		}
		errs = append(errs, topologyKey(c.TopologyKey, here.Child("topologyKey"))...)
		errs = append(errs, oneOf(c.WhenUnsatisfiable, here.Child("whenUnsatisfiable"), corev1.DoNotSchedule, corev1.ScheduleAnyway)...)
		pair := fmt.Sprintf("{%v, %v}", c.TopologyKey, c.WhenUnsatisfiable)
		if seen.Has(pair) {
			errs = append(errs, field.Duplicate(here.Child("{topologyKey, whenUnsatisfiable}"), pair))
		}
		seen.Insert(pair)
		if c.MinDomains != nil && *c.MinDomains <= 0 {
			errs = append(errs, field.Invalid(here.Child("minDomains"), *c.MinDomains, "must be greater than zero"))
		}
		if c.MinDomains != nil && c.WhenUnsatisfiable != corev1.DoNotSchedule {
			errs = append(errs, field.Invalid(here.Child("minDomains"), *c.MinDomains,
				fmt.Sprintf("can only use minDomains if whenUnsatisfiable=%s, not %s", corev1.DoNotSchedule, c.WhenUnsatisfiable)))
		}
		if c.NodeAffinityPolicy != nil {
			errs = append(errs, oneOf(*c.NodeAffinityPolicy, here.Child("nodeAffinityPolicy"), corev1.NodeInclusionPolicyIgnore, corev1.NodeInclusionPolicyHonor)...)
		}
		if c.NodeTaintsPolicy != nil {
			errs = append(errs, oneOf(*c.NodeTaintsPolicy, here.Child("nodeTaintsPolicy"), corev1.NodeInclusionPolicyIgnore, corev1.NodeInclusionPolicyHonor)...)
		}
		errs = append(errs, podSelector(c.LabelSelector, c.MatchLabelKeys, nil, here)...)
	}
	return errs
}

func topologyKey(key string, at *field.Path) field.ErrorList {
	if key == "" {
		return field.ErrorList{field.Required(at, "can not be empty")}
	}
	return metav1validation.ValidateLabelName(key, at)
}

// podSelector judges a selector of Pods and the label keys that are added to it when a Pod is created.
func podSelector(selector *metav1.LabelSelector, match, mismatch []string, at *field.Path) field.ErrorList {
	errs := metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, at.Child("labelSelector"))
	for _, list := range []struct {
		name string
		keys []string
	}{{"matchLabelKeys", match}, {"mismatchLabelKeys", mismatch}} {
		if len(list.keys) > 0 && selector == nil {
			errs = append(errs, field.Forbidden(at.Child(list.name), "must not be specified when labelSelector is not set"))
		}
		for i, key := range list.keys {
			errs = append(errs, metav1validation.ValidateLabelName(key, at.Child(list.name).Index(i))...)
		}
	}
	for i, key := range mismatch {
		if sets.New(match...).Has(key) {
			errs = append(errs, field.Invalid(at.Child("mismatchLabelKeys").Index(i), key, "exists in both matchLabelKeys and mismatchLabelKeys"))
		}
	}
	return errs
}

func validatePodAffinity(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range required {
		errs = append(errs, validateAffinityTerm(&required[i], at.Child("requiredDuringSchedulingIgnoredDuringExecution").Index(i))...)
	}
	for i := range preferred {
		here := at.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i)
		errs = append(errs, weight(preferred[i].Weight, here.Child("weight"))...)
		errs = append(errs, validateAffinityTerm(&preferred[i].PodAffinityTerm, here.Child("podAffinityTerm"))...)
	}
	return errs
}

func validateAffinityTerm(term *corev1.PodAffinityTerm, at *field.Path) field.ErrorList {
	errs := podSelector(term.LabelSelector, term.MatchLabelKeys, term.MismatchLabelKeys, at)
	errs = append(errs, metav1validation.ValidateLabelSelector(term.NamespaceSelector, metav1validation.LabelSelectorValidationOptions{}, at.Child("namespaceSelector"))...)
	for i, name := range term.Namespaces {
		errs = append(errs, requiredName(name, at.Child("namespaces").Index(i), validation.IsDNS1123Label)...)
	}
	return append(errs, topologyKey(term.TopologyKey, at.Child("topologyKey"))...)
}

func weight(value int32, at *field.Path) field.ErrorList {
	if value < 1 || value > 100 {
		return field.ErrorList{field.Invalid(at, value, "must be in the range 1-100")}
	}
	return nil
}
