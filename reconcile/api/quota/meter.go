package quota

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Meter measures what objects of one resource use.
type Meter struct {
	Resource schema.GroupResource
	// names are those of the amounts that every such object may use; more are what else, by their form.
	names []corev1.ResourceName
	more  func(name corev1.ResourceName) bool
	// usage is what one object uses beyond being counted.
	usage func(obj runtime.Object, now time.Time) corev1.ResourceList
}

// legacyCounts are amounts that count objects and were named before there was "count/…".
var legacyCounts = map[schema.GroupResource]corev1.ResourceName{
	{Resource: "configmaps"}:             corev1.ResourceConfigMaps,
	{Resource: "secrets"}:                corev1.ResourceSecrets,
	{Resource: "replicationcontrollers"}: corev1.ResourceReplicationControllers,
	{Resource: "resourcequotas"}:         corev1.ResourceQuotas,
	{Resource: "services"}:               corev1.ResourceServices,
}

// For gives the meter of a resource.
func For(resource schema.GroupResource) Meter {
	m := Meter{Resource: resource, names: []corev1.ResourceName{count(resource)}}
	if name, ok := legacyCounts[resource]; ok {
		m.names = append(m.names, name)
	}
	switch resource {
	case pods:
		m.names, m.more, m.usage = append(m.names, podNames...), usedByPods, podUsage
	case services:
		m.names, m.usage = append(m.names, serviceNames...), serviceUsage
	}
	return m
}

// count is "count/deployments.apps".
func count(resource schema.GroupResource) corev1.ResourceName {
	return corev1.ResourceName("count/" + resource.String())
}

// Tracks reports whether objects of the resource can use the amount.
func (m Meter) Tracks(name corev1.ResourceName) bool {
	return slices.Contains(m.names, name) || m.more != nil && m.more(name)
}

// Changes reports whether an object that stays can come to use more or less.
func (m Meter) Changes() bool { return m.usage != nil }

// Usage is what the object uses now. Only a resource whose meter Changes needs the whole object.
func (m Meter) Usage(obj runtime.Object, now time.Time) corev1.ResourceList {
	used := corev1.ResourceList{count(m.Resource): one}
	if name, ok := legacyCounts[m.Resource]; ok {
		used[name] = one
	}
	if m.usage != nil {
		Add(used, m.usage(obj, now))
	}
	return used
}

var one = *resource.NewQuantity(1, resource.DecimalSI)

// Add adds the amounts of other to list, in place.
func Add(list, other corev1.ResourceList) {
	for name, quantity := range other {
		sum := list[name].DeepCopy()
		sum.Add(quantity)
		list[name] = sum
	}
}

// Equal reports whether both have the same amounts.
func Equal(a, b corev1.ResourceList) bool {
	if len(a) != len(b) {
		return false
	}
	for name, quantity := range a {
		if other, there := b[name]; !there || quantity.Cmp(other) != 0 {
			return false
		}
	}
	return true
}
