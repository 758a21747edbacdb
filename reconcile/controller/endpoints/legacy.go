//lint:file-ignore SA1019 Endpoints are deprecated, and still read by people and tools

package endpoints

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const (
	endpointsManagedByLabel = "endpoints.kubernetes.io/managed-by"
	endpointsManagedBy      = "endpoint-controller"
	// maxAddresses is how many an Endpoints object holds; the annotation says that there would be more.
	maxAddresses = 1000
	overCapacity = "truncated"
)

// PlanEndpoints gives the Endpoints object of a Service, to be created if current is nil and otherwise to be updated; nil if
// it is right already. Pods that are stopping are not in it.
func PlanEndpoints(service *corev1.Service, backends []Backend, current *corev1.Endpoints) *corev1.Endpoints {
	wanted := &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: service.Namespace, Name: service.Name}}
	if current != nil {
		wanted = current.DeepCopy()
	}
	wanted.Labels = maps.Clone(service.Labels)
	if wanted.Labels == nil {
		wanted.Labels = map[string]string{}
	}
	delete(wanted.Labels, corev1.IsHeadlessService)
	wanted.Labels[endpointsManagedByLabel] = endpointsManagedBy
	if service.Spec.ClusterIP == corev1.ClusterIPNone {
		wanted.Labels[corev1.IsHeadlessService] = ""
	}
	if len(service.Spec.Ports) > 0 { // a Pod without any of the ports has no place in a subset
		backends = slices.DeleteFunc(slices.Clone(backends), func(b Backend) bool { return len(b.Ports) == 0 })
	}
	subsets, truncated := subsetsOf(backends)
	wanted.Subsets = subsets
	if truncated {
		metav1.SetMetaDataAnnotation(&wanted.ObjectMeta, corev1.EndpointsOverCapacity, overCapacity)
	} else {
		delete(wanted.Annotations, corev1.EndpointsOverCapacity)
	}
	if current != nil && equality.Semantic.DeepEqual(current, wanted) {
		return nil
	}
	return wanted
}

// subsetsOf groups addresses by ports. If there are too many, the ready ones are kept first.
func subsetsOf(backends []Backend) (subsets []corev1.EndpointSubset, truncated bool) {
	room := maxAddresses
	groups := map[string]*corev1.EndpointSubset{}
	for _, ready := range []bool{true, false} {
		for _, b := range backends {
			c := b.Endpoint.Conditions
			stays := !*c.Terminating || *c.Ready // a Service may want even the stopping ones
			if !stays || *c.Ready != ready {
				continue
			}
			if room == 0 {
				truncated = true
				continue
			}
			room--
			key := portsKey(b.Ports)
			if groups[key] == nil {
				groups[key] = &corev1.EndpointSubset{Ports: legacyPorts(b.Ports)}
			}
			if ready {
				groups[key].Addresses = append(groups[key].Addresses, legacyAddress(b.Endpoint))
			} else {
				groups[key].NotReadyAddresses = append(groups[key].NotReadyAddresses, legacyAddress(b.Endpoint))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		subsets = append(subsets, *groups[key])
	}
	return subsets, truncated
}

func legacyAddress(e discoveryv1.Endpoint) corev1.EndpointAddress {
	return corev1.EndpointAddress{IP: e.Addresses[0], Hostname: ptr.Deref(e.Hostname, ""), NodeName: e.NodeName, TargetRef: e.TargetRef}
}

func legacyPorts(ports []discoveryv1.EndpointPort) []corev1.EndpointPort {
	var list []corev1.EndpointPort
	for _, p := range ports {
		list = append(list, corev1.EndpointPort{Name: *p.Name, Port: *p.Port, Protocol: *p.Protocol, AppProtocol: p.AppProtocol})
	}
	return list
}
