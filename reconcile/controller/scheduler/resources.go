package scheduler

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// What a container that requests nothing counts for in scores (not in filters), so that a hundred such Pods do not
// all land on one node. The figures are upstream's.
const (
	defaultMilliCPU = 100
	defaultMemory   = 200 << 20
)

// Resources are amounts of what a node has and Pods request.
type Resources struct {
	MilliCPU  int64
	Memory    int64 // bytes
	Ephemeral int64 // bytes of ephemeral storage
	Pods      int64
	Extended  map[corev1.ResourceName]int64 // nil where there is none
}

// resourcesOf reads a list as the API writes it.
func resourcesOf(list corev1.ResourceList) Resources {
	var r Resources
	for name, quantity := range list {
		switch name {
		case corev1.ResourceCPU:
			r.MilliCPU = quantity.MilliValue()
		case corev1.ResourceMemory:
			r.Memory = quantity.Value()
		case corev1.ResourceEphemeralStorage:
			r.Ephemeral = quantity.Value()
		case corev1.ResourcePods:
			r.Pods = quantity.Value()
		default:
			if r.Extended == nil {
				r.Extended = map[corev1.ResourceName]int64{}
			}
			r.Extended[name] = quantity.Value()
		}
	}
	return r
}

// requests are what a Pod needs of a node: the sum of its containers or the largest init container, whichever is more,
// and the overhead.
func requests(pod *corev1.Pod) Resources {
	r := resourcesOf(resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}))
	r.Pods = 1
	return r
}

// weights are the requests with the defaults above for containers that state none.
func weights(pod *corev1.Pod) Resources {
	return resourcesOf(resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{
		NonMissingContainerRequests: corev1.ResourceList{
			corev1.ResourceCPU:    *resource.NewMilliQuantity(defaultMilliCPU, resource.DecimalSI),
			corev1.ResourceMemory: *resource.NewQuantity(defaultMemory, resource.BinarySI),
		},
	}))
}

// add adds the other amounts times sign, which is 1 or -1, in place.
func (r *Resources) add(other Resources, sign int64) {
	r.MilliCPU += sign * other.MilliCPU
	r.Memory += sign * other.Memory
	r.Ephemeral += sign * other.Ephemeral
	r.Pods += sign * other.Pods
	for name, amount := range other.Extended {
		if r.Extended == nil {
			r.Extended = map[corev1.ResourceName]int64{}
		}
		r.Extended[name] += sign * amount
	}
}
