package api

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// validateServicePorts wants each name, each (protocol, port) and each (protocol, node port) once, and names where there are several.
func validateServicePorts(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	if len(spec.Ports) == 0 {
		if spec.ClusterIP != corev1.ClusterIPNone && hasClusterIP(spec) {
			return field.ErrorList{field.Required(path, "")}
		}
		return nil
	}
	type number struct {
		protocol corev1.Protocol
		port     int32
	}
	var errs field.ErrorList
	names, ports, nodePorts := sets.New[string](), sets.New[number](), sets.New[number]()
	for i, port := range spec.Ports {
		at := path.Index(i)
		errs = append(errs, validateServicePort(port, spec, at)...)
		if port.Name != "" && names.Has(port.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), port.Name))
		}
		if ports.Has(number{port.Protocol, port.Port}) {
			errs = append(errs, field.Duplicate(at, corev1.ServicePort{Protocol: port.Protocol, Port: port.Port}))
		}
		if port.NodePort != 0 && nodePorts.Has(number{port.Protocol, port.NodePort}) {
			errs = append(errs, field.Duplicate(at.Child("nodePort"), port.NodePort))
		}
		names.Insert(port.Name)
		ports.Insert(number{port.Protocol, port.Port})
		nodePorts.Insert(number{port.Protocol, port.NodePort})
	}
	return errs
}

func validateServicePort(port corev1.ServicePort, spec *corev1.ServiceSpec, at *field.Path) field.ErrorList {
	errs := validatePort(port.Name, len(spec.Ports) > 1, port.Port, port.Protocol, port.AppProtocol, at)
	errs = append(errs, portNumberOrName(port.TargetPort, at.Child("targetPort"))...)
	switch {
	case port.NodePort == 0:
	case spec.Type == corev1.ServiceTypeClusterIP || spec.Type == corev1.ServiceTypeExternalName:
		errs = append(errs, field.Forbidden(at.Child("nodePort"), "may not be used when `type` is '"+string(spec.Type)+"'"))
	default:
		errs = append(errs, portNumber(port.NodePort, at.Child("nodePort"))...)
	}
	return errs
}

func validateTrafficPolicies(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	external := []corev1.ServiceExternalTrafficPolicy{corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal}
	switch policy, at := spec.ExternalTrafficPolicy, path.Child("externalTrafficPolicy"); {
	case !isExternal(spec) && policy != "":
		errs = append(errs, field.Invalid(at, policy, "may only be set for externally-accessible services"))
	case isExternal(spec) && policy == "":
		errs = append(errs, field.Required(at, ""))
	case isExternal(spec) && !slices.Contains(external, policy):
		errs = append(errs, field.NotSupported(at, policy, external))
	}
	internal := []corev1.ServiceInternalTrafficPolicy{corev1.ServiceInternalTrafficPolicyCluster, corev1.ServiceInternalTrafficPolicyLocal}
	switch policy, at := spec.InternalTrafficPolicy, path.Child("internalTrafficPolicy"); {
	case policy == nil && hasClusterIP(spec):
		errs = append(errs, field.Required(at, ""))
	case policy != nil && !slices.Contains(internal, *policy):
		errs = append(errs, field.NotSupported(at, *policy, internal))
	}
	distributions := []string{corev1.ServiceTrafficDistributionPreferClose, corev1.ServiceTrafficDistributionPreferSameNode, corev1.ServiceTrafficDistributionPreferSameZone}
	if d := spec.TrafficDistribution; d != nil && !slices.Contains(distributions, *d) {
		errs = append(errs, field.NotSupported(path.Child("trafficDistribution"), *d, distributions))
	}
	return errs
}

// validateLoadBalancer keeps the members that only a load balancer has to the type that has one.
func validateLoadBalancer(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if at := path.Child("healthCheckNodePort"); spec.HealthCheckNodePort != 0 && !needsHealthCheck(spec) {
		errs = append(errs, field.Invalid(at, spec.HealthCheckNodePort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
	} else if spec.HealthCheckNodePort != 0 {
		errs = append(errs, portNumber(spec.HealthCheckNodePort, at)...)
	}
	for i, cidr := range spec.LoadBalancerSourceRanges {
		errs = append(errs, validation.IsValidCIDRForLegacyField(path.Child("loadBalancerSourceRanges").Index(i), cidr, false, nil)...)
	}
	if spec.Type == corev1.ServiceTypeLoadBalancer {
		return append(errs, optionalName(ptr.Deref(spec.LoadBalancerClass, ""), path.Child("loadBalancerClass"), validation.IsQualifiedName)...)
	}
	const only = "may only be used when `type` is 'LoadBalancer'"
	if len(spec.LoadBalancerSourceRanges) > 0 {
		errs = append(errs, field.Forbidden(path.Child("loadBalancerSourceRanges"), only))
	}
	if spec.LoadBalancerClass != nil {
		errs = append(errs, field.Forbidden(path.Child("loadBalancerClass"), only))
	}
	if spec.AllocateLoadBalancerNodePorts != nil {
		errs = append(errs, field.Forbidden(path.Child("allocateLoadBalancerNodePorts"), only))
	}
	return errs
}
