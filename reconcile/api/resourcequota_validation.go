package api

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateResourceQuota(q *corev1.ResourceQuota) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateQuotaAmounts(q.Spec.Hard, spec.Child("hard"))
	errs = append(errs, validateQuotaScopes(q, spec.Child("scopes"))...)
	errs = append(errs, validateQuotaScopeSelector(q, spec.Child("scopeSelector", "matchExpressions"))...)
	return append(errs, validateQuotaStatus(q.Status)...)
}

func validateQuotaStatus(status corev1.ResourceQuotaStatus) field.ErrorList {
	path := field.NewPath("status")
	return append(validateQuotaAmounts(status.Hard, path.Child("hard")), validateQuotaAmounts(status.Used, path.Child("used"))...)
}

func validateQuotaAmounts(list corev1.ResourceList, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range sortedKeys(list) {
		errs = append(errs, validateResource(name, quotaResources, "must be a standard resource for quota", path.Key(string(name)))...)
	}
	return append(errs, validateQuantities(list, path)...)
}

var (
	quotaScopes = []corev1.ResourceQuotaScope{
		corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating,
		corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort,
		corev1.ResourceQuotaScopePriorityClass, corev1.ResourceQuotaScopeCrossNamespacePodAffinity,
	}
	contradictions = [][2]corev1.ResourceQuotaScope{
		{corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating},
		{corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort},
	}
	podResources = quotaResources.Difference(countedResources).Difference(storageResources).Insert(corev1.ResourcePods)
)

func validateQuotaScopes(q *corev1.ResourceQuota, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, scope := range q.Spec.Scopes {
		errs = append(errs, validateQuotaScope(scope, q.Spec.Hard, q.Spec.Scopes, path)...)
	}
	return append(errs, contradictory(q.Spec.Scopes, path)...)
}

// validateQuotaScope wants a scope that Kubernetes knows, and amounts that a Pod of that scope can use up.
func validateQuotaScope(scope corev1.ResourceQuotaScope, hard corev1.ResourceList, value any, path *field.Path) field.ErrorList {
	if !slices.Contains(quotaScopes, scope) {
		return field.ErrorList{field.Invalid(path, value, "unsupported scope")}
	}
	scoped := podResources
	if scope == corev1.ResourceQuotaScopeBestEffort {
		scoped = sets.New(corev1.ResourcePods) // such a Pod asks for nothing else
	}
	for _, name := range sortedKeys(hard) {
		if quotaResources.Has(name) && !scoped.Has(name) {
			return field.ErrorList{field.Invalid(path, value, "unsupported scope applied to resource")}
		}
	}
	return nil
}

func contradictory(scopes []corev1.ResourceQuotaScope, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, pair := range contradictions {
		if slices.Contains(scopes, pair[0]) && slices.Contains(scopes, pair[1]) {
			errs = append(errs, field.Invalid(path, scopes, "conflicting scopes"))
		}
	}
	return errs
}

func validateQuotaScopeSelector(q *corev1.ResourceQuota, path *field.Path) field.ErrorList {
	if q.Spec.ScopeSelector == nil {
		return nil
	}
	var errs field.ErrorList
	var scopes []corev1.ResourceQuotaScope
	for i, match := range q.Spec.ScopeSelector.MatchExpressions {
		at := path.Index(i)
		errs = append(errs, validateQuotaScope(match.ScopeName, q.Spec.Hard, match.ScopeName, at.Child("scopeName"))...)
		errs = append(errs, validateScopeOperator(match, at)...)
		scopes = append(scopes, match.ScopeName)
	}
	return append(errs, contradictory(scopes, path)...)
}

// validateScopeOperator allows conditions only on priority classes: the other scopes have no values.
func validateScopeOperator(match corev1.ScopedResourceSelectorRequirement, at *field.Path) field.ErrorList {
	switch match.Operator {
	case corev1.ScopeSelectorOpIn, corev1.ScopeSelectorOpNotIn:
		if len(match.Values) == 0 {
			return field.ErrorList{field.Required(at.Child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector")}
		}
	case corev1.ScopeSelectorOpExists, corev1.ScopeSelectorOpDoesNotExist:
		if len(match.Values) > 0 {
			return field.ErrorList{field.Invalid(at.Child("values"), match.Values, "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector")}
		}
	default:
		return field.ErrorList{field.Invalid(at.Child("operator"), match.Operator, "not a valid selector operator")}
	}
	if match.ScopeName != corev1.ResourceQuotaScopePriorityClass && match.Operator != corev1.ScopeSelectorOpExists {
		return field.ErrorList{field.Invalid(at.Child("operator"), match.Operator, "must be 'Exists' for every scope but PriorityClass")}
	}
	return nil
}

// validateResourceQuotaUpdate holds the scopes: what was counted so far would mean something else.
func validateResourceQuotaUpdate(q, old *corev1.ResourceQuota) field.ErrorList {
	if sets.New(q.Spec.Scopes...).Equal(sets.New(old.Spec.Scopes...)) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("spec", "scopes"), q.Spec.Scopes, apivalidation.FieldImmutableErrorMsg)}
}
