package api

import (
	"time"

	policyv1 "k8s.io/api/policy/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var podDisruptionBudget = Of[*policyv1.PodDisruptionBudget]{
	Group: policyv1.GroupName, Version: "v1", Kind: "PodDisruptionBudget", Resource: "poddisruptionbudgets", Singular: "poddisruptionbudget",
	ShortNames: []string{"pdb"}, Namespaced: true,
	New:     func() *policyv1.PodDisruptionBudget { return &policyv1.PodDisruptionBudget{} },
	NewList: func() runtime.Object { return &policyv1.PodDisruptionBudgetList{} },
	PrepareForCreate: func(b *policyv1.PodDisruptionBudget) {
		b.Generation, b.Status = 1, policyv1.PodDisruptionBudgetStatus{}
	},
	PrepareForUpdate: func(b, old *policyv1.PodDisruptionBudget) {
		b.Status = old.Status
		b.Generation = nextGeneration(old.Generation, b.Spec, old.Spec)
	},
	PrepareForStatusUpdate: func(b, old *policyv1.PodDisruptionBudget) { b.Spec, b.Generation = old.Spec, old.Generation },
	Validate:               validatePodDisruptionBudget,
	ValidateStatusUpdate:   validatePodDisruptionBudgetStatus,
	Columns: []metav1.TableColumnDefinition{
		nameColumn,
		column("Min Available", "string", "How many of the Pods must stay."),
		column("Max Unavailable", "string", "How many of the Pods may be missing."),
		column("Allowed Disruptions", "integer", "How many of the Pods may be evicted now."),
		ageColumn,
	},
	Row: func(b *policyv1.PodDisruptionBudget, now time.Time) []any {
		return []any{
			b.Name, numberOrPercent(b.Spec.MinAvailable), numberOrPercent(b.Spec.MaxUnavailable),
			int64(b.Status.DisruptionsAllowed), age(b.CreationTimestamp, now),
		}
	},
}

func numberOrPercent(value *intstr.IntOrString) string {
	if value == nil {
		return "N/A"
	}
	return value.String()
}

func validatePodDisruptionBudget(b *policyv1.PodDisruptionBudget) field.ErrorList {
	var errs field.ErrorList
	if b.Spec.MinAvailable != nil && b.Spec.MaxUnavailable != nil {
		errs = append(errs, field.Invalid(specPath, b.Spec, "minAvailable and maxUnavailable cannot be both set"))
	}
	for _, bound := range []struct {
		name  string
		value *intstr.IntOrString
	}{{"minAvailable", b.Spec.MinAvailable}, {"maxUnavailable", b.Spec.MaxUnavailable}} {
		if bound.value == nil {
			continue
		}
		at := specPath.Child(bound.name)
		errs = append(errs, validateIntOrPercent(*bound.value, at)...)
		if bound.value.Type == intstr.String && numberOf(*bound.value) > 100 {
			errs = append(errs, field.Invalid(at, bound.value, "must not be greater than 100%"))
		}
	}
	if policy := b.Spec.UnhealthyPodEvictionPolicy; policy != nil {
		errs = append(errs, oneOf(*policy, specPath.Child("unhealthyPodEvictionPolicy"), policyv1.IfHealthyBudget, policyv1.AlwaysAllow)...)
	}
	return append(errs, metav1validation.ValidateLabelSelector(b.Spec.Selector, metav1validation.LabelSelectorValidationOptions{}, specPath.Child("selector"))...)
}

func validatePodDisruptionBudgetStatus(b, _ *policyv1.PodDisruptionBudget) field.ErrorList {
	at, s := field.NewPath("status"), b.Status
	errs := metav1validation.ValidateConditions(s.Conditions, at.Child("conditions"))
	for _, count := range []struct {
		name  string
		value int32
	}{
		{"disruptionsAllowed", s.DisruptionsAllowed}, {"currentHealthy", s.CurrentHealthy},
		{"desiredHealthy", s.DesiredHealthy}, {"expectedPods", s.ExpectedPods},
	} {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(count.value), at.Child(count.name))...)
	}
	return errs
}
