package limits

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	podresources "k8s.io/component-helpers/resource"
)

// Check says in one error all that is out of bounds: of each container, and of the Pod as a whole.
func Check(pod *corev1.Pod, limitRange *corev1.LimitRange) error {
	var errs []error
	for _, item := range limitRange.Spec.Limits {
		switch item.Type {
		case corev1.LimitTypeContainer:
			each(pod, func(_ string, container *corev1.Container) {
				errs = append(errs, outOfBounds(item, container.Resources.Requests, container.Resources.Limits)...)
			})
		case corev1.LimitTypePod:
			requests := podresources.PodRequests(pod, podresources.PodResourcesOptions{})
			limits := podresources.PodLimits(pod, podresources.PodResourcesOptions{})
			errs = append(errs, outOfBounds(item, requests, limits)...)
		}
	}
	return utilerrors.NewAggregate(errs)
}

// amounts are what is asked of one resource; nil for what is not stated.
type amounts struct{ request, limit *resource.Quantity }

func of(name corev1.ResourceName, requests, limits corev1.ResourceList) amounts {
	var found amounts
	if request, stated := requests[name]; stated {
		found.request = &request
	}
	if limit, stated := limits[name]; stated {
		found.limit = &limit
	}
	return found
}

func outOfBounds(item corev1.LimitRangeItem, requests, limits corev1.ResourceList) []error {
	var errs []error
	for _, bound := range []struct {
		list  corev1.ResourceList
		wrong func(asked amounts, bound resource.Quantity) string
		words string // of the resource, the type and the bound
	}{
		{item.Min, belowMinimum, "minimum %s usage per %s is %s"},
		{item.Max, aboveMaximum, "maximum %s usage per %s is %s"},
		{item.MaxLimitRequestRatio, aboveRatio, "%s max limit to request ratio per %s is %s"},
	} {
		for _, name := range slices.Sorted(maps.Keys(bound.list)) {
			quantity := bound.list[name]
			if wrong := bound.wrong(of(name, requests, limits), quantity); wrong != "" {
				errs = append(errs, fmt.Errorf(bound.words+"%s", name, item.Type, quantity.String(), wrong))
			}
		}
	}
	return errs
}

func belowMinimum(asked amounts, bound resource.Quantity) string {
	switch {
	case asked.request == nil:
		return ".  No request is specified"
	case asked.request.Cmp(bound) < 0:
		return ", but request is " + asked.request.String()
	case asked.limit != nil && asked.limit.Cmp(bound) < 0:
		return ", but limit is " + asked.limit.String()
	}
	return ""
}

func aboveMaximum(asked amounts, bound resource.Quantity) string {
	switch {
	case asked.limit == nil:
		return ".  No limit is specified"
	case asked.limit.Cmp(bound) > 0:
		return ", but limit is " + asked.limit.String()
	case asked.request != nil && asked.request.Cmp(bound) > 0:
		return ", but request is " + asked.request.String()
	}
	return ""
}

// aboveRatio bounds how far a container may go beyond what was set aside for it: limit 1 of request 250m is a ratio of 4.
func aboveRatio(asked amounts, bound resource.Quantity) string {
	switch {
	case asked.request == nil || asked.request.IsZero():
		return ", but no request is specified or request is 0"
	case asked.limit == nil || asked.limit.IsZero():
		return ", but no limit is specified or limit is 0"
	}
	ratio := asked.limit.AsApproximateFloat64() / asked.request.AsApproximateFloat64()
	if ratio > bound.AsApproximateFloat64() {
		return fmt.Sprintf(", but provided ratio is %f", ratio)
	}
	return ""
}
