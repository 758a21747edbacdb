package api

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

var service = Of[*corev1.Service]{
	Version: "v1", Kind: "Service", Resource: "services", Singular: "service",
	ShortNames: []string{"svc"}, Categories: []string{"all"}, Namespaced: true,
	New:                    func() *corev1.Service { return &corev1.Service{} },
	NewList:                func() runtime.Object { return &corev1.ServiceList{} },
	ValidateName:           apivalidation.NameIsDNS1035Label,
	Default:                defaultService,
	PrepareForCreate:       prepareServiceForCreate,
	PrepareForUpdate:       prepareServiceForUpdate,
	PrepareForStatusUpdate: func(s, old *corev1.Service) { s.Spec = old.Spec },
	Validate:               validateService,
	ValidateUpdate:         validateServiceUpdate,
	ValidateStatusUpdate:   validateServiceStatusUpdate,
	Warnings:               serviceWarnings,
	AllowCreateOnUpdate:    true,
	Fields: func(s *corev1.Service) fields.Set {
		return fields.Set{"spec.type": string(s.Spec.Type), "spec.clusterIP": s.Spec.ClusterIP}
	},
	Columns: []metav1.TableColumnDefinition{
		nameColumn,
		column("Type", "string", "How the Service is reached."),
		column("Cluster-IP", "string", "Address of the Service inside the fleet."),
		column("External-IP", "string", "Addresses of the Service from outside."),
		column("Port(s)", "string", "Ports of the Service, each with its port on the nodes and its protocol."),
		ageColumn,
		wide("Selector", "string", "Labels of the Pods behind the Service."),
	},
	Row: serviceRow,
}

// defaultService leaves clusterIP and nodePort to the server, which hands them out.
func defaultService(s *corev1.Service) {
	spec := &s.Spec
	if spec.Type == "" {
		spec.Type = corev1.ServiceTypeClusterIP
	}
	for i := range spec.Ports {
		port := &spec.Ports[i]
		if port.Protocol == "" {
			port.Protocol = corev1.ProtocolTCP
		}
		if port.TargetPort == intstr.FromInt32(0) || port.TargetPort == intstr.FromString("") {
			port.TargetPort = intstr.FromInt32(port.Port)
		}
	}
	defaultSessionAffinity(spec)
	if isExternal(spec) && spec.ExternalTrafficPolicy == "" {
		spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyCluster
	}
	if spec.Type == corev1.ServiceTypeLoadBalancer && spec.AllocateLoadBalancerNodePorts == nil {
		spec.AllocateLoadBalancerNodePorts = ptr.To(true)
	}
	if hasClusterIP(spec) {
		if spec.InternalTrafficPolicy == nil {
			spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyCluster)
		}
		if spec.IPFamilyPolicy == nil {
			spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicySingleStack)
		}
		if len(spec.IPFamilies) == 0 {
			spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol}
		}
	}
}

func defaultSessionAffinity(spec *corev1.ServiceSpec) {
	if spec.SessionAffinity == "" {
		spec.SessionAffinity = corev1.ServiceAffinityNone
	}
	switch config := spec.SessionAffinityConfig; spec.SessionAffinity {
	case corev1.ServiceAffinityNone:
		spec.SessionAffinityConfig = nil
	case corev1.ServiceAffinityClientIP:
		if config == nil || config.ClientIP == nil || config.ClientIP.TimeoutSeconds == nil {
			spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{
				ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr.To(corev1.DefaultClientIPServiceAffinitySeconds)},
			}
		}
	}
}

// hasClusterIP: every type but ExternalName, which is only a DNS name.
func hasClusterIP(spec *corev1.ServiceSpec) bool { return spec.Type != corev1.ServiceTypeExternalName }

// hasNodePorts: the types that are reached on a port of every node.
func hasNodePorts(spec *corev1.ServiceSpec) bool {
	return spec.Type == corev1.ServiceTypeNodePort ||
		spec.Type == corev1.ServiceTypeLoadBalancer && ptr.Deref(spec.AllocateLoadBalancerNodePorts, true)
}

// isExternal: traffic may come from outside the fleet.
func isExternal(spec *corev1.ServiceSpec) bool {
	return spec.Type == corev1.ServiceTypeNodePort || spec.Type == corev1.ServiceTypeLoadBalancer ||
		spec.Type == corev1.ServiceTypeClusterIP && len(spec.ExternalIPs) > 0
}

// serviceWarnings say what a Service does not do.
func serviceWarnings(s *corev1.Service) []string {
	switch {
	case s.Spec.Type == corev1.ServiceTypeLoadBalancer:
		return []string{"spec.type: the Service is stored, but no load balancer is made and no traffic is routed to its Pods"}
	case s.Spec.Type == corev1.ServiceTypeExternalName:
		return []string{"spec.externalName: the Service is stored, but no DNS name is served for it"}
	case len(s.Spec.Ports) > 0:
		return []string{"spec.ports: the Service is stored, but no traffic is routed to its Pods"}
	}
	return nil
}

func serviceRow(s *corev1.Service, now time.Time) []any {
	address := none
	if len(s.Spec.ClusterIPs) > 0 {
		address = s.Spec.ClusterIPs[0]
	}
	return []any{
		s.Name, string(s.Spec.Type), address, externalAddresses(s), servicePorts(s.Spec.Ports),
		age(s.CreationTimestamp, now), labels.FormatLabels(s.Spec.Selector),
	}
}

// externalAddresses are those that the load balancer reported and those that the Service itself names.
func externalAddresses(s *corev1.Service) string {
	if s.Spec.Type == corev1.ServiceTypeExternalName {
		return s.Spec.ExternalName
	}
	var addresses []string
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		for _, ingress := range s.Status.LoadBalancer.Ingress {
			if ingress.IP != "" {
				addresses = append(addresses, ingress.IP)
			} else if ingress.Hostname != "" {
				addresses = append(addresses, ingress.Hostname)
			}
		}
	}
	addresses = append(addresses, s.Spec.ExternalIPs...)
	switch {
	case len(addresses) > 0:
		return strings.Join(addresses, ",")
	case s.Spec.Type == corev1.ServiceTypeLoadBalancer:
		return "<pending>"
	}
	return none
}

// servicePorts is "80/TCP,443:30443/TCP".
func servicePorts(ports []corev1.ServicePort) string {
	if len(ports) == 0 {
		return none
	}
	texts := make([]string, len(ports))
	for i, port := range ports {
		texts[i] = fmt.Sprintf("%d/%s", port.Port, port.Protocol)
		if port.NodePort > 0 {
			texts[i] = fmt.Sprintf("%d:%d/%s", port.Port, port.NodePort, port.Protocol)
		}
	}
	return strings.Join(texts, ",")
}
