package api

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateLimitRange(l *corev1.LimitRange) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("spec", "limits")
	seen := map[corev1.LimitType]bool{}
	for i, item := range l.Spec.Limits {
		at := path.Index(i)
		errs = append(errs, validateLimitType(item.Type, at.Child("type"))...)
		if seen[item.Type] {
			errs = append(errs, field.Duplicate(at.Child("type"), item.Type))
		}
		seen[item.Type] = true
		errs = append(errs, validateLimitNames(item, at)...)
		errs = append(errs, validateLimitOrder(item, at)...)
		errs = append(errs, validateLimitRatio(item, at.Child("maxLimitRequestRatio"))...)
	}
	return errs
}

func validateLimitType(kind corev1.LimitType, path *field.Path) field.ErrorList {
	errs := requiredName(string(kind), path, validation.IsQualifiedName)
	switch kind {
	case corev1.LimitTypePod, corev1.LimitTypeContainer, corev1.LimitTypePersistentVolumeClaim:
	default:
		if errs == nil && !strings.Contains(string(kind), "/") {
			errs = append(errs, field.Invalid(path, kind, "must be a standard limit type or fully qualified"))
		}
	}
	return errs
}

// validateLimitNames wants names that the type has, no defaults for a whole Pod, and a bound on the storage of claims.
func validateLimitNames(item corev1.LimitRangeItem, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	known, unknown := quotaResources.Union(storageResources), "must be a standard resource type or fully qualified"
	if item.Type == corev1.LimitTypePod || item.Type == corev1.LimitTypeContainer {
		known, unknown = containerResources, "must be a standard resource for containers"
	}
	for _, list := range limitLists(item, at) {
		if item.Type == corev1.LimitTypePod && list.isDefault && len(list.amounts) > 0 {
			errs = append(errs, field.Forbidden(list.path, "may not be specified when `type` is 'Pod'"))
			continue
		}
		for _, name := range sortedKeys(list.amounts) {
			errs = append(errs, validateResource(name, known, unknown, list.path.Key(string(name)))...)
		}
	}
	if item.Type == corev1.LimitTypePersistentVolumeClaim {
		_, least := item.Min[corev1.ResourceStorage]
		_, most := item.Max[corev1.ResourceStorage]
		if !least && !most {
			errs = append(errs, field.Required(at.Child("limits"), "either minimum or maximum storage value is required, but neither was provided"))
		}
	}
	return errs
}

type limitList struct {
	path      *field.Path
	amounts   corev1.ResourceList
	isDefault bool
}

func limitLists(item corev1.LimitRangeItem, at *field.Path) []limitList {
	return []limitList{
		{at.Child("max"), item.Max, false},
		{at.Child("min"), item.Min, false},
		{at.Child("default"), item.Default, true},
		{at.Child("defaultRequest"), item.DefaultRequest, true},
		{at.Child("maxLimitRequestRatio"), item.MaxLimitRequestRatio, false},
	}
}

// validateLimitOrder wants min ≤ default request ≤ default ≤ max of each resource, as far as they are given.
func validateLimitOrder(item corev1.LimitRangeItem, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, pair := range []struct {
		low       corev1.ResourceList
		lowWords  string
		high      corev1.ResourceList
		highWords string
		blamed    string // the member that the error points at
	}{
		{item.Min, "min value", item.Max, "max value", "min"},
		{item.Min, "min value", item.DefaultRequest, "default request value", "defaultRequest"},
		{item.DefaultRequest, "default request value", item.Max, "max value", "defaultRequest"},
		{item.DefaultRequest, "default request value", item.Default, "default limit value", "defaultRequest"},
		{item.Min, "min value", item.Default, "default value", "default"},
		{item.Default, "default value", item.Max, "max value", "default"},
	} {
		for _, name := range sortedKeys(pair.low) {
			low := pair.low[name]
			if high, bounded := pair.high[name]; bounded && low.Cmp(high) > 0 {
				errs = append(errs, field.Invalid(at.Child(pair.blamed).Key(string(name)), low.String(),
					fmt.Sprintf("%s %s is greater than %s %s", pair.lowWords, low.String(), pair.highWords, high.String())))
			}
		}
	}
	return errs
}

// validateLimitRatio wants a ratio from 1 to max/min, beyond which it would bound nothing.
func validateLimitRatio(item corev1.LimitRangeItem, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range sortedKeys(item.MaxLimitRequestRatio) {
		ratio := item.MaxLimitRequestRatio[name]
		if ratio.Cmp(resource.MustParse("1")) < 0 {
			errs = append(errs, field.Invalid(path.Key(string(name)), ratio.String(), fmt.Sprintf("ratio %s is less than 1", ratio.String())))
		}
		least, bottom := item.Min[name]
		most, top := item.Max[name]
		if !bottom || !top || least.IsZero() {
			continue
		}
		if widest := most.AsApproximateFloat64() / least.AsApproximateFloat64(); ratio.AsApproximateFloat64() > widest {
			errs = append(errs, field.Invalid(path.Key(string(name)), ratio.String(), fmt.Sprintf("ratio %s is greater than max/min = %f", ratio.String(), widest)))
		}
	}
	return errs
}
