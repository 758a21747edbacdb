package endpoints

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"
)

func service(changes ...func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "uid-web", Labels: map[string]string{"team": "a"}},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "web"},
			Ports:    []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("web"), Protocol: corev1.ProtocolTCP}},
		},
	}
	for _, change := range changes {
		change(s)
	}
	return s
}

// pod is ready, and has the port "web".
func pod(name, ip string, changes ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{
			Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: 8080}},
		}}},
		Status: corev1.PodStatus{PodIP: ip, Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	for _, change := range changes {
		change(p)
	}
	return p
}

func unready(p *corev1.Pod)     { p.Status.Conditions[0].Status = corev1.ConditionFalse }
func terminating(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(0, 0)} }
func containerPort(n int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Containers[0].Ports[0].ContainerPort = n }
}
func publishNotReady(s *corev1.Service) { s.Spec.PublishNotReadyAddresses = true }

// summary is one line a slice, "web-1 8080: 10.0.0.1 ready,serving".
func summary(list []*discoveryv1.EndpointSlice) []string {
	var lines []string
	for _, s := range list {
		line := s.Name
		for _, p := range s.Ports {
			line += fmt.Sprintf(" %s=%d", *p.Name, *p.Port)
		}
		line += ":"
		for _, e := range s.Endpoints {
			line += " " + e.Addresses[0]
			for _, c := range []struct {
				is   bool
				name string
			}{{*e.Conditions.Ready, "ready"}, {*e.Conditions.Serving, "serving"}, {*e.Conditions.Terminating, "terminating"}} {
				if c.is {
					line += "," + c.name
				}
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestBackendStates(t *testing.T) {
	finished := func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }
	pods := []*corev1.Pod{
		pod("ready", "10.0.0.1"), pod("unready", "10.0.0.2", unready), pod("stopping", "10.0.0.3", terminating),
		pod("stopped", "10.0.0.4", terminating, unready), pod("finished", "10.0.0.5", finished), pod("new", ""), pod("six", "fd00::1"),
		pod("other port", "10.0.0.6", containerPort(9090)), pod("no port", "10.0.0.7", func(p *corev1.Pod) { p.Spec.Containers[0].Ports = nil }),
	}
	for name, c := range map[string]struct {
		service *corev1.Service
		want    []string
	}{
		"named port": {service(), []string{": 10.0.0.7,ready,serving", " http=8080: 10.0.0.1,ready,serving 10.0.0.2 10.0.0.3,serving,terminating 10.0.0.4,terminating", " http=9090: 10.0.0.6,ready,serving"}},
		"numbered port, publish all": {service(publishNotReady, func(s *corev1.Service) { s.Spec.Ports[0].TargetPort = intstr.FromInt32(8000) }),
			[]string{" http=8000: 10.0.0.1,ready,serving 10.0.0.2,ready 10.0.0.3,ready,serving,terminating 10.0.0.4,ready,terminating 10.0.0.6,ready,serving 10.0.0.7,ready,serving"}},
	} {
		plan := PlanSlices(c.service, Backends(c.service, pods), nil)
		if diff := cmp.Diff(c.want, summary(plan.Create)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestSlice(t *testing.T) {
	s := service(func(s *corev1.Service) { s.Spec.ClusterIP = corev1.ClusterIPNone })
	p := pod("p", "10.0.0.1", func(p *corev1.Pod) { p.Spec.Hostname, p.Spec.Subdomain = "zero", "web" })
	yes, no, http, tcp, port := true, false, "http", corev1.ProtocolTCP, int32(8080)
	nodeName, hostname := "node", "zero"
	want := Plan{Create: []*discoveryv1.EndpointSlice{{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", GenerateName: "web-",
			Labels: map[string]string{
				"team": "a", "kubernetes.io/service-name": "web", "service.kubernetes.io/headless": "",
				"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
			},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Service", Name: "web", UID: "uid-web", Controller: &yes, BlockOwnerDeletion: &yes}},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &http, Protocol: &tcp, Port: &port}},
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{"10.0.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: &yes, Serving: &yes, Terminating: &no},
			NodeName: &nodeName, Hostname: &hostname,
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "ns", Name: "p", UID: "uid-p"},
		}},
	}}}
	if diff := cmp.Diff(want, PlanSlices(s, Backends(s, []*corev1.Pod{p}), nil)); diff != "" {
		t.Error(diff)
	}
}

// world holds slices as an API server does.
type world struct {
	slices []*discoveryv1.EndpointSlice
	made   int
}

func (w *world) apply(p Plan) {
	for _, s := range p.Create {
		w.made++
		s = s.DeepCopy()
		s.Name = fmt.Sprintf("web-%03d", w.made)
		w.slices = append(w.slices, s)
	}
	for _, s := range p.Update {
		at := slices.IndexFunc(w.slices, func(c *discoveryv1.EndpointSlice) bool { return c.Name == s.Name })
		w.slices[at] = s
	}
	for _, s := range p.Delete {
		w.slices = slices.DeleteFunc(w.slices, func(c *discoveryv1.EndpointSlice) bool { return c.Name == s.Name })
	}
}

// TestFewestWrites plays a Service's life, and counts.
func TestFewestWrites(t *testing.T) {
	s, w := service(), &world{}
	var pods []*corev1.Pod
	for i := range 150 {
		pods = append(pods, pod(fmt.Sprint("p", i), fmt.Sprintf("10.0.%d.%d", i/100, i%100)))
	}
	for _, step := range []struct {
		what                   string
		pods                   []*corev1.Pod
		create, update, delete int
		urgent                 bool
	}{
		{"no Pods: one empty slice", nil, 1, 0, 0, false},
		{"the first: the empty slice is used", pods[:1], 0, 1, 0, false},
		{"the same", pods[:1], 0, 0, 0, false},
		{"a hundred fit", pods[:100], 0, 1, 0, false},
		{"fifty more do not", pods, 1, 0, 0, false},
		{"one goes, one comes: one slice", append([]*corev1.Pod{pod("new", "10.0.9.1")}, pods[1:]...), 0, 1, 0, true},
		{"all of one slice go", pods[1:50], 0, 1, 1, true},
		{"all go: one stays", nil, 0, 1, 0, true},
	} {
		plan := PlanSlices(s, Backends(s, step.pods), w.slices)
		if len(plan.Create) != step.create || len(plan.Update) != step.update || len(plan.Delete) != step.delete || plan.Urgent != step.urgent {
			t.Errorf("%s: %d created, %d updated, %d deleted, urgent %v", step.what, len(plan.Create), len(plan.Update), len(plan.Delete), plan.Urgent)
		}
		w.apply(plan)
	}
}

// TestSlicesConverge draws any Pods, again and again.
func TestSlicesConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, w := service(), &world{}
		for range rapid.IntRange(1, 5).Draw(t, "rounds") {
			var pods []*corev1.Pod
			for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 250), 0, 240, rapid.ID[int]).Draw(t, "pods") {
				p := pod(fmt.Sprint("p", i), fmt.Sprintf("10.0.0.%d", i), containerPort(rapid.SampledFrom([]int32{8080, 9090}).Draw(t, "port")))
				if rapid.Bool().Draw(t, "unready") {
					unready(p)
				}
				pods = append(pods, p)
			}
			backends := Backends(s, pods)
			plan := PlanSlices(s, backends, w.slices)
			if len(pods) > 1 {
				shuffled := slices.Clone(w.slices)
				slices.Reverse(shuffled)
				again := PlanSlices(s, Backends(s, rapid.Permutation(pods).Draw(t, "order")), shuffled)
				if diff := cmp.Diff(plan, again); diff != "" {
					t.Fatalf("another order, another plan:\n%s", diff)
				}
			}
			w.apply(plan)
			check(t, backends, w.slices)
			if next := PlanSlices(s, backends, w.slices); !next.empty() || next.Urgent {
				t.Fatalf("not at rest: %v %v %v", summary(next.Create), summary(next.Update), summary(next.Delete))
			}
		}
	})
}

func check(t *rapid.T, backends []Backend, list []*discoveryv1.EndpointSlice) {
	wanted := map[types.UID]Backend{}
	for _, b := range backends {
		wanted[b.Endpoint.TargetRef.UID] = b
	}
	for _, s := range list {
		if len(s.Endpoints) > maxEndpoints || len(s.Endpoints) == 0 && len(list) > 1 {
			t.Fatalf("%d endpoints in one of %d slices", len(s.Endpoints), len(list))
		}
		for _, e := range s.Endpoints {
			b, is := wanted[e.TargetRef.UID]
			if !is || !cmp.Equal(b.Endpoint, e) || !cmp.Equal(b.Ports, s.Ports) {
				t.Fatalf("wrong, or twice: %v", e)
			}
			delete(wanted, e.TargetRef.UID)
		}
	}
	if len(wanted) > 0 || len(list) == 0 {
		t.Fatalf("%d missing in %d slices", len(wanted), len(list))
	}
}

// TestForeignSlices: IPv6 slices cannot become IPv4 ones.
func TestForeignSlices(t *testing.T) {
	old := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: "six"}, AddressType: discoveryv1.AddressTypeIPv6}
	plan := PlanSlices(service(), Backends(service(), []*corev1.Pod{pod("p", "10.0.0.1")}), []*discoveryv1.EndpointSlice{old})
	if len(plan.Create) != 1 || len(plan.Update) != 0 || len(plan.Delete) != 1 {
		t.Errorf("%+v", plan)
	}
}
