package limits

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotation says on a Pod what a LimitRange has filled in.
const Annotation = "kubernetes.io/limit-ranger"

// Complete gives each container the default requests and limits that it does not state itself, in place, and writes down
// in the annotation which.
func Complete(pod *corev1.Pod, limitRange *corev1.LimitRange) {
	var requests, limits corev1.ResourceList
	for _, item := range limitRange.Spec.Limits {
		if item.Type == corev1.LimitTypeContainer {
			requests, limits = item.DefaultRequest, item.Default
		}
	}
	var filled []string
	note := func(names []string, what, container string) {
		if len(names) > 0 {
			slices.Sort(names)
			filled = append(filled, strings.Join(names, ", ")+" "+what+" "+container)
		}
	}
	each(pod, func(kind string, container *corev1.Container) {
		own := &container.Resources
		note(fill(&own.Requests, requests), "request for "+kind, container.Name)
		note(fill(&own.Limits, limits), "limit for "+kind, container.Name)
	})
	if len(filled) > 0 {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, Annotation, "LimitRanger plugin set: "+strings.Join(filled, "; "))
	}
}

// each visits the containers before the init containers, as upstream's annotation lists them.
func each(pod *corev1.Pod, visit func(kind string, container *corev1.Container)) {
	for i := range pod.Spec.Containers {
		visit("container", &pod.Spec.Containers[i])
	}
	for i := range pod.Spec.InitContainers {
		visit("init container", &pod.Spec.InitContainers[i])
	}
}

// fill adds to list what it lacks, and returns the names of that, in no order.
func fill(list *corev1.ResourceList, defaults corev1.ResourceList) []string {
	var names []string
	for name, quantity := range defaults {
		if _, stated := (*list)[name]; stated {
			continue
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = quantity.DeepCopy()
		names = append(names, string(name))
	}
	return names
}
