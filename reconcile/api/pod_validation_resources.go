package api

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateResources judges requests and limits, and that no request is above its limit. What can't be promised
// beyond what is there (devices, huge pages) is asked for and limited alike.
func validateResources(resources *corev1.ResourceRequirements, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	limits, requests := at.Child("limits"), at.Child("requests")
	for _, list := range []struct {
		amounts corev1.ResourceList
		path    *field.Path
	}{{resources.Limits, limits}, {resources.Requests, requests}} {
		for _, name := range sortedKeys(list.amounts) {
			errs = append(errs, validateResource(name, containerResources, "must be a standard resource for containers", list.path.Key(string(name)))...)
		}
		errs = append(errs, validateQuantities(list.amounts, list.path)...)
	}
	for _, name := range sortedKeys(resources.Requests) {
		request, exact := resources.Requests[name], !containerResources.Has(name)
		limit, limited := resources.Limits[name]
		switch {
		case !limited && exact:
			errs = append(errs, field.Required(limits, "Limit must be set for non overcommitable resources"))
		case limited && exact && request.Cmp(limit) != 0:
			errs = append(errs, field.Invalid(requests, request.String(), fmt.Sprintf("must be equal to %s limit of %s", name, limit.String())))
		case limited && request.Cmp(limit) > 0:
			errs = append(errs, field.Invalid(requests, request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String())))
		}
	}
	return errs
}
