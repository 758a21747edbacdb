package endpoints

import (
	"cmp"
	"net"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"coracle.dev/coracle/reconcile/controller"
)

// Backend is one Pod behind a Service.
type Backend struct {
	Endpoint discoveryv1.Endpoint
	Ports    []discoveryv1.EndpointPort // the Service's, as this Pod has them
}

// Backends are the Pods that stand behind a Service: those with an IPv4 address that have not finished, in order of
// address and UID. Those that are stopping are among them, but are not ready.
func Backends(service *corev1.Service, pods []*corev1.Pod) []Backend {
	var backends []Backend
	for _, pod := range pods {
		if ip := net.ParseIP(pod.Status.PodIP); ip.To4() == nil || controller.PodFinished(pod) {
			continue
		}
		backends = append(backends, Backend{Endpoint: endpoint(service, pod), Ports: ports(service, pod)})
	}
	slices.SortFunc(backends, func(a, b Backend) int {
		return cmp.Or(
			cmp.Compare(a.Endpoint.Addresses[0], b.Endpoint.Addresses[0]),
			cmp.Compare(a.Endpoint.TargetRef.UID, b.Endpoint.TargetRef.UID),
		)
	})
	return backends
}

func endpoint(service *corev1.Service, pod *corev1.Pod) discoveryv1.Endpoint {
	_, serving := controller.PodReadySince(pod)
	terminating := pod.DeletionTimestamp != nil
	e := discoveryv1.Endpoint{
		Addresses: []string{pod.Status.PodIP},
		Conditions: discoveryv1.EndpointConditions{
			Ready:       ptr.To(service.Spec.PublishNotReadyAddresses || serving && !terminating),
			Serving:     &serving,
			Terminating: &terminating,
		},
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
	}
	if pod.Spec.NodeName != "" {
		e.NodeName = ptr.To(pod.Spec.NodeName)
	}
	if pod.Spec.Hostname != "" && pod.Spec.Subdomain == service.Name {
		e.Hostname = ptr.To(pod.Spec.Hostname)
	}
	return e
}

// ports are the Service's ports with the numbers that this Pod gives them. One whose name the Pod does not know is left out.
func ports(service *corev1.Service, pod *corev1.Pod) []discoveryv1.EndpointPort {
	list := []discoveryv1.EndpointPort{}
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		protocol := cmp.Or(port.Protocol, corev1.ProtocolTCP)
		number, known := targetPort(pod, port, protocol)
		if !known {
			continue
		}
		list = append(list, discoveryv1.EndpointPort{
			Name: ptr.To(port.Name), Protocol: &protocol, Port: &number, AppProtocol: port.AppProtocol,
		})
	}
	return list
}

// targetPort finds a named port among the containers, and the init containers that stay.
func targetPort(pod *corev1.Pod, port *corev1.ServicePort, protocol corev1.Protocol) (int32, bool) {
	if port.TargetPort.Type == intstr.Int {
		return cmp.Or(port.TargetPort.IntVal, port.Port), true
	}
	containers := slices.Clone(pod.Spec.Containers)
	for _, container := range pod.Spec.InitContainers {
		if container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			containers = append(containers, container)
		}
	}
	for _, container := range containers {
		for _, p := range container.Ports {
			if p.Name == port.TargetPort.StrVal && cmp.Or(p.Protocol, corev1.ProtocolTCP) == protocol {
				return p.ContainerPort, true
			}
		}
	}
	return 0, false
}
