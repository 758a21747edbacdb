package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

const storedService = `
type: LoadBalancer
clusterIP: 10.96.0.9
clusterIPs: [10.96.0.9]
externalTrafficPolicy: Local
healthCheckNodePort: 32000
loadBalancerClass: example.com/metal
ports: [{name: http, port: 80, nodePort: 30080}, {name: dns, port: 53, protocol: UDP, nodePort: 30053}]
`

// serviceSpec is the spec with its defaults.
func serviceSpec(t *testing.T, text string) corev1.ServiceSpec {
	t.Helper()
	var s corev1.Service
	if err := yaml.UnmarshalStrict([]byte(text), &s.Spec); err != nil {
		t.Fatal(err)
	}
	defaultService(&s)
	return s.Spec
}

func TestServiceUpdateKeepsWhatWasAllocated(t *testing.T) {
	for name, test := range map[string]struct{ update, want string }{
		"all left out": {
			`{type: LoadBalancer, externalTrafficPolicy: Local, loadBalancerClass: example.com/metal, ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]}`,
			storedService,
		},
		"ports in another order, one new": {
			`{type: NodePort, ports: [{name: dns, port: 53, protocol: UDP}, {name: new, port: 81}, {name: http, port: 80}]}`,
			`{type: NodePort, clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9], ports: [{name: dns, port: 53, protocol: UDP, nodePort: 30053}, {name: new, port: 81}, {name: http, port: 80, nodePort: 30080}]}`,
		},
		"a node port moved to another port": {
			`{type: NodePort, ports: [{name: dns, port: 53, protocol: UDP, nodePort: 30080}, {name: http, port: 80}]}`,
			`{type: NodePort, clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9], ports: [{name: dns, port: 53, protocol: UDP, nodePort: 30080}, {name: http, port: 80}]}`,
		},
		"type without node ports, everything else as read": {
			`{type: ClusterIP, clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9], externalTrafficPolicy: Local, healthCheckNodePort: 32000, loadBalancerClass: example.com/metal, allocateLoadBalancerNodePorts: true, ports: [{name: dns, port: 53, protocol: UDP, nodePort: 30053}]}`,
			`{type: ClusterIP, clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9], ports: [{name: dns, port: 53, protocol: UDP}]}`,
		},
		"a name only, everything else as read": {
			`{type: ExternalName, externalName: example.org, clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, internalTrafficPolicy: Cluster}`,
			`{type: ExternalName, externalName: example.org}`,
		},
		"cluster IP changed by a client that knows one": {
			`{type: NodePort, clusterIP: 10.96.0.10, clusterIPs: [10.96.0.9], ports: [{port: 81}]}`,
			`{type: NodePort, clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], ports: [{port: 81}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			old := &corev1.Service{Spec: serviceSpec(t, storedService)}
			updated := &corev1.Service{Spec: serviceSpec(t, test.update)}
			prepareServiceForUpdate(updated, old)
			if diff := cmp.Diff(serviceSpec(t, test.want), updated.Spec); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestServiceDefaults(t *testing.T) {
	var got corev1.Service
	got.Spec.Ports = []corev1.ServicePort{{Port: 80}}
	got.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
	defaultService(&got)
	want := serviceSpec(t, `
type: ClusterIP
ports: [{port: 80, protocol: TCP, targetPort: 80}]
sessionAffinity: ClientIP
sessionAffinityConfig: {clientIP: {timeoutSeconds: 10800}}
internalTrafficPolicy: Cluster
ipFamilies: [IPv4]
ipFamilyPolicy: SingleStack
`)
	if diff := cmp.Diff(want, got.Spec); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	balanced := corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer}}
	defaultService(&balanced)
	if balanced.Spec.ExternalTrafficPolicy != "Cluster" || !ptr.Deref(balanced.Spec.AllocateLoadBalancerNodePorts, false) {
		t.Errorf("load balancer: %+v", balanced.Spec)
	}
	name := corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName}}
	defaultService(&name)
	if name.Spec.IPFamilies != nil || name.Spec.IPFamilyPolicy != nil || name.Spec.InternalTrafficPolicy != nil {
		t.Errorf("external name: %+v", name.Spec)
	}
}

func TestServiceStatusIsForLoadBalancers(t *testing.T) {
	status := corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: "203.0.113.9"}, {Hostname: "lb.example.org"}}}}
	for kind, allowed := range map[corev1.ServiceType]bool{"LoadBalancer": true, "NodePort": false} {
		s := &corev1.Service{Spec: corev1.ServiceSpec{Type: kind}, Status: status}
		if errs := validateServiceStatusUpdate(s, s); (len(errs) == 0) != allowed {
			t.Errorf("%s: %v", kind, errs)
		}
	}
	wrong := &corev1.Service{Spec: corev1.ServiceSpec{Type: "LoadBalancer"}}
	wrong.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "x"}, {Hostname: "10.0.0.1"}}
	if errs := validateServiceStatusUpdate(wrong, wrong); len(errs) != 2 {
		t.Errorf("%v; want one error an ingress", errs)
	}
}
