package api

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
)

func prepareServiceForCreate(s *corev1.Service) {
	s.Status = corev1.ServiceStatus{}
	followClusterIP(&s.Spec, &corev1.ServiceSpec{})
}

// prepareServiceForUpdate lets a client leave out what the server handed out, and change the type without
// clearing by hand what only the old type had.
func prepareServiceForUpdate(s, old *corev1.Service) {
	s.Status = old.Status
	keepAllocated(&s.Spec, &old.Spec)
	followClusterIP(&s.Spec, &old.Spec)
	dropOfOtherType(&s.Spec, &old.Spec)
}

// keepAllocated fills in addresses and ports that the Service has had and that the client did not mention.
func keepAllocated(spec, old *corev1.ServiceSpec) {
	if hasClusterIP(spec) && hasClusterIP(old) {
		if spec.ClusterIP == "" && len(spec.ClusterIPs) == 0 {
			spec.ClusterIP = old.ClusterIP
		}
		if len(spec.ClusterIPs) == 0 && spec.ClusterIP == old.ClusterIP {
			spec.ClusterIPs = slices.Clone(old.ClusterIPs)
		}
	}
	if hasNodePorts(spec) && hasNodePorts(old) {
		keepNodePorts(spec.Ports, old.Ports)
	}
	if needsHealthCheck(spec) && needsHealthCheck(old) && spec.HealthCheckNodePort == 0 {
		spec.HealthCheckNodePort = old.HealthCheckNodePort
	}
}

// keepNodePorts takes over the node port of the same port and protocol, unless the client has given it to another.
func keepNodePorts(ports, old []corev1.ServicePort) {
	taken := map[int32]bool{}
	for _, port := range ports {
		taken[port.NodePort] = true
	}
	for i := range ports {
		if was := nodePortOf(ports[i], old); ports[i].NodePort == 0 && !taken[was] {
			ports[i].NodePort, taken[was] = was, true
		}
	}
}

// nodePortOf is what the port had among those, 0 if nothing.
func nodePortOf(port corev1.ServicePort, among []corev1.ServicePort) int32 {
	for _, other := range among {
		if other.Port == port.Port && other.Protocol == port.Protocol {
			return other.NodePort
		}
	}
	return 0
}

// followClusterIP lets clients that know only clusterIP set and change it: clusterIPs follows.
func followClusterIP(spec, old *corev1.ServiceSpec) {
	onlyOneChanged := spec.ClusterIP != old.ClusterIP && slices.Equal(spec.ClusterIPs, old.ClusterIPs)
	if !onlyOneChanged && len(spec.ClusterIPs) > 0 {
		return
	}
	spec.ClusterIPs = nil
	if spec.ClusterIP != "" {
		spec.ClusterIPs = []string{spec.ClusterIP}
	}
}

// dropOfOtherType clears what the new type cannot have, where the client has merely left it as it was. What the client
// changed stays, for validation to refuse.
func dropOfOtherType(spec, old *corev1.ServiceSpec) {
	if hasClusterIP(old) && !hasClusterIP(spec) {
		drop(&spec.ClusterIP, old.ClusterIP)
		drop(&spec.ClusterIPs, old.ClusterIPs)
		drop(&spec.IPFamilies, old.IPFamilies)
		drop(&spec.IPFamilyPolicy, old.IPFamilyPolicy)
		drop(&spec.InternalTrafficPolicy, old.InternalTrafficPolicy)
	}
	if hasNodePorts(old) && !hasNodePorts(spec) {
		for i := range spec.Ports {
			drop(&spec.Ports[i].NodePort, nodePortOf(spec.Ports[i], old.Ports))
		}
	}
	if isExternal(old) && !isExternal(spec) {
		drop(&spec.ExternalTrafficPolicy, old.ExternalTrafficPolicy)
	}
	if needsHealthCheck(old) && !needsHealthCheck(spec) {
		drop(&spec.HealthCheckNodePort, old.HealthCheckNodePort)
	}
	if old.Type == corev1.ServiceTypeLoadBalancer && spec.Type != old.Type {
		drop(&spec.AllocateLoadBalancerNodePorts, old.AllocateLoadBalancerNodePorts)
		drop(&spec.LoadBalancerClass, old.LoadBalancerClass)
	}
}

// drop clears a value that is still the old one.
func drop[T any](value *T, old T) {
	if apiequality.Semantic.DeepEqual(*value, old) {
		*value = *new(T)
	}
}

// needsHealthCheck: a load balancer that must know which nodes have Pods of the Service asks them on a port.
func needsHealthCheck(spec *corev1.ServiceSpec) bool {
	return spec.Type == corev1.ServiceTypeLoadBalancer && spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}
