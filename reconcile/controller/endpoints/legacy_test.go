package endpoints

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestPlanEndpoints(t *testing.T) {
	s := service()
	pods := []*corev1.Pod{
		pod("a", "10.0.0.1"), pod("b", "10.0.0.2", unready), pod("c", "10.0.0.3", terminating), pod("d", "10.0.0.4", containerPort(9090)),
		pod("none", "10.0.0.5", func(p *corev1.Pod) { p.Spec.Containers[0].Ports = nil }),
	}
	made := PlanEndpoints(s, Backends(s, pods), nil)
	var got []string
	for _, subset := range made.Subsets {
		line := fmt.Sprint(subset.Ports[0].Port)
		for _, a := range subset.Addresses {
			line += " " + a.IP + "=" + a.TargetRef.Name + "@" + *a.NodeName
		}
		for _, a := range subset.NotReadyAddresses {
			line += " not " + a.IP
		}
		got = append(got, line)
	}
	if diff := cmp.Diff([]string{"8080 10.0.0.1=a@node not 10.0.0.2", "9090 10.0.0.4=d@node"}, got); diff != "" {
		t.Error(diff)
	}
	labels := map[string]string{"team": "a", "endpoints.kubernetes.io/managed-by": "endpoint-controller"}
	if diff := cmp.Diff(labels, made.Labels); diff != "" {
		t.Error(diff)
	}
	made.ResourceVersion = "7"
	if again := PlanEndpoints(s, Backends(s, pods), made); again != nil {
		t.Errorf("equal is written: %v", again)
	}
	if changed := PlanEndpoints(s, Backends(s, pods[1:]), made); changed == nil || changed.ResourceVersion != "7" {
		t.Errorf("a Pod gone is not written: %v", changed)
	}
}

func TestEndpointsAreLimited(t *testing.T) {
	var pods []*corev1.Pod
	for i := range maxAddresses {
		pods = append(pods, pod(fmt.Sprint("u", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250), unready))
	}
	s := service()
	if e := PlanEndpoints(s, Backends(s, pods), nil); e.Annotations[corev1.EndpointsOverCapacity] != "" {
		t.Error("full is called too many")
	}
	pods = append(pods, pod("r", "10.1.0.0"))
	e := PlanEndpoints(s, Backends(s, pods), nil)
	if n, m := len(e.Subsets[0].Addresses), len(e.Subsets[0].NotReadyAddresses); n != 1 || m != maxAddresses-1 || e.Annotations[corev1.EndpointsOverCapacity] != "truncated" {
		t.Errorf("%d ready, %d not, annotations %v", n, m, e.Annotations)
	}
	if e = PlanEndpoints(s, Backends(s, pods[1:]), e); e.Annotations[corev1.EndpointsOverCapacity] != "" {
		t.Error("the annotation stays")
	}
}
