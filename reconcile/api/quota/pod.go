package quota

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	podresources "k8s.io/component-helpers/resource"
)

var pods = schema.GroupResource{Resource: "pods"}

// podNames are the amounts that each Pod may use, besides being counted.
var podNames = []corev1.ResourceName{
	corev1.ResourcePods,
	corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage,
	corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceRequestsEphemeralStorage,
	corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory, corev1.ResourceLimitsEphemeralStorage,
}

// usedByPods knows what else containers can ask for: huge pages, and things that others than Kubernetes name.
func usedByPods(name corev1.ResourceName) bool {
	asked, request := strings.CutPrefix(string(name), corev1.DefaultResourceRequestsPrefix)
	return strings.HasPrefix(asked, corev1.ResourceHugePagesPrefix) || request && extended(corev1.ResourceName(asked))
}

// extended reports whether the resource is another's than Kubernetes', such as example.com/gpu.
func extended(name corev1.ResourceName) bool {
	return strings.Contains(string(name), "/") && !strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

// podUsage is nothing for a Pod that has ended, or that its node should have stopped by now: who has lost a node may replace
// what ran there.
func podUsage(obj runtime.Object, now time.Time) corev1.ResourceList {
	pod, ok := obj.(*corev1.Pod)
	if !ok || ended(pod) {
		return nil
	}
	if gone, leaving := Gone(pod); leaving && now.After(gone) {
		return nil
	}
	options := podresources.PodResourcesOptions{}
	used := compute(podresources.PodRequests(pod, options), podresources.PodLimits(pod, options))
	used[corev1.ResourcePods] = one
	return used
}

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}

// Gone is when a Pod that is being deleted stops counting, though it may still be there.
func Gone(pod *corev1.Pod) (at time.Time, leaving bool) {
	if pod.DeletionTimestamp == nil || pod.DeletionGracePeriodSeconds == nil {
		return time.Time{}, false
	}
	return pod.DeletionTimestamp.Add(time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second), true
}

// computed are what both requests and limits of a container can be bounded of.
var computed = []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage}

// compute names requests and limits as quotas do: cpu is another word for requests.cpu.
func compute(requests, limits corev1.ResourceList) corev1.ResourceList {
	used := corev1.ResourceList{}
	for name, quantity := range requests {
		switch {
		case slices.Contains(computed, name), strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix):
			used[name] = quantity
			fallthrough
		case extended(name):
			used[corev1.DefaultResourceRequestsPrefix+name] = quantity
		}
	}
	for name, quantity := range limits {
		if slices.Contains(computed, name) {
			used["limits."+name] = quantity
		}
	}
	return used
}

// required are the amounts of which each container has to say how much it wants, if a quota bounds them.
var required = []corev1.ResourceName{
	corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory,
	corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory,
}

// Require reports, for a Pod, which containers do not say what they want of the bounded amounts. Others always do.
func (m Meter) Require(bounded []corev1.ResourceName, obj runtime.Object) error {
	pod, ok := obj.(*corev1.Pod)
	if !ok || m.Resource != pods {
		return nil
	}
	missing := map[corev1.ResourceName][]string{}
	for _, container := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		stated := compute(container.Resources.Requests, container.Resources.Limits)
		for _, name := range bounded {
			if _, there := stated[name]; !there && slices.Contains(required, name) {
				missing[name] = append(missing[name], container.Name)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		slices.Sort(missing[name])
		parts = append(parts, fmt.Sprintf("%s for: %s", name, strings.Join(slices.Compact(missing[name]), ",")))
	}
	return fmt.Errorf("must specify %s", strings.Join(parts, "; "))
}
