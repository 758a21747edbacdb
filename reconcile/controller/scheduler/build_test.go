package scheduler

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// node has 4 cores, 8 GiB, room for 10 Pods, and its hostname as a label.
func node(name string, changes ...func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
		Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("4"),
			corev1.ResourceMemory: resource.MustParse("8Gi"),
			corev1.ResourcePods:   resource.MustParse("10"),
		}},
	}
	for _, change := range changes {
		change(n)
	}
	return n
}

func allocatable(name corev1.ResourceName, amount string) func(*corev1.Node) {
	return func(n *corev1.Node) { n.Status.Allocatable[name] = resource.MustParse(amount) }
}

func nodeLabel(key, value string) func(*corev1.Node) {
	return func(n *corev1.Node) { n.Labels[key] = value }
}

func taint(key string, effect corev1.TaintEffect) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: effect})
	}
}

func cordon(n *corev1.Node) { n.Spec.Unschedulable = true }

// pod is in the namespace default and requests nothing.
func pod(name string, changes ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "default", UID: types.UID(name),
			CreationTimestamp: metav1.NewTime(epoch), Labels: map[string]string{},
		},
		Spec: corev1.PodSpec{
			SchedulerName: corev1.DefaultSchedulerName,
			Containers:    []corev1.Container{{Name: "main"}},
		},
	}
	for _, change := range changes {
		change(p)
	}
	return p
}

func request(name corev1.ResourceName, amount string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		list := &p.Spec.Containers[0].Resources.Requests
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = resource.MustParse(amount)
	}
}

func cpu(amount string) func(*corev1.Pod) { return request(corev1.ResourceCPU, amount) }

func label(key, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Labels[key] = value }
}

func namespace(name string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Namespace = name }
}

func hostPortOf(port int32, ip string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Containers[0].Ports = append(p.Spec.Containers[0].Ports, corev1.ContainerPort{HostPort: port, HostIP: ip})
	}
}

func tolerate(key string, effect corev1.TaintEffect) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Tolerations = append(p.Spec.Tolerations,
			corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: effect})
	}
}

func selectNode(key, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{key: value} }
}

func priority(value int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Priority = &value }
}

func created(after time.Duration) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(epoch.Add(after)) }
}

func ownedBy(uid types.UID) func(*corev1.Pod) {
	controller := true
	return func(p *corev1.Pod) {
		p.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", UID: uid, Controller: &controller}}
	}
}

func terminatingSince(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: epoch} }

// app selects Pods by the label app, in places of the kind key.
func app(value, key string) corev1.PodAffinityTerm {
	return corev1.PodAffinityTerm{LabelSelector: appSelector(value), TopologyKey: key}
}

func appSelector(value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": value}}
}

func affinity(p *corev1.Pod) *corev1.Affinity {
	if p.Spec.Affinity == nil {
		p.Spec.Affinity = &corev1.Affinity{
			NodeAffinity: &corev1.NodeAffinity{}, PodAffinity: &corev1.PodAffinity{}, PodAntiAffinity: &corev1.PodAntiAffinity{},
		}
	}
	return p.Spec.Affinity
}

func near(term corev1.PodAffinityTerm) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		list := &affinity(p).PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
		*list = append(*list, term)
	}
}

func away(term corev1.PodAffinityTerm) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		list := &affinity(p).PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
		*list = append(*list, term)
	}
}

func ratherNear(term corev1.PodAffinityTerm, weight int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		list := &affinity(p).PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution
		*list = append(*list, corev1.WeightedPodAffinityTerm{Weight: weight, PodAffinityTerm: term})
	}
}

func ratherAway(term corev1.PodAffinityTerm, weight int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		list := &affinity(p).PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution
		*list = append(*list, corev1.WeightedPodAffinityTerm{Weight: weight, PodAffinityTerm: term})
	}
}

func spreadOver(key string, skew int32, when corev1.UnsatisfiableConstraintAction, changes ...func(*corev1.TopologySpreadConstraint)) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		c := corev1.TopologySpreadConstraint{
			TopologyKey: key, MaxSkew: skew, WhenUnsatisfiable: when, LabelSelector: appSelector(p.Labels["app"]),
		}
		for _, change := range changes {
			change(&c)
		}
		p.Spec.TopologySpreadConstraints = append(p.Spec.TopologySpreadConstraints, c)
	}
}

func mustPod(t interface{ Fatalf(string, ...any) }, object *corev1.Pod) *Pod {
	p, err := NewPod(object)
	if err != nil {
		t.Fatalf("read pod: %v", err)
	}
	return p
}

// fleet is a State of these nodes.
func fleet(nodes ...*corev1.Node) *State {
	s := NewState()
	for _, n := range nodes {
		s.SetNode(n)
	}
	return s
}

// on places a Pod there.
func (s *State) on(t interface{ Fatalf(string, ...any) }, nodeName string, pods ...*corev1.Pod) *State {
	for _, p := range pods {
		s.Place(mustPod(t, p), nodeName)
	}
	return s
}

// decide gives the node's name, or the message.
func decide(t *testing.T, s *State, object *corev1.Pod) string {
	t.Helper()
	d := Plan(s, mustPod(t, object))
	switch {
	case d.Node != "":
		return d.Node
	case d.Preemption.Node != "":
		names := ""
		for _, v := range d.Preemption.Victims {
			names += " " + v.Name
		}
		return fmt.Sprintf("evict%s from %s", names, d.Preemption.Node)
	}
	return d.Message()
}
