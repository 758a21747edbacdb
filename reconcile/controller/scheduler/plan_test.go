package scheduler

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const (
	zone = corev1.LabelTopologyZone
	host = corev1.LabelHostname

	useless = " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
	nobody  = " preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
)

// TestFilters has one node and one reason a case; the message is the user's.
func TestFilters(t *testing.T) {
	gpu := corev1.ResourceName("example.com/gpu")
	for name, c := range map[string]struct {
		state *State
		pod   *corev1.Pod
		want  string
	}{
		"no nodes":         {fleet(), pod("p"), "no nodes available to schedule pods"},
		"fits":             {fleet(node("n")), pod("p"), "n"},
		"cordoned":         {fleet(node("n", cordon)), pod("p"), "0/1 nodes are available: 1 node(s) were unschedulable." + useless},
		"cordon tolerated": {fleet(node("n", cordon)), pod("p", tolerate(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule)), "n"},
		"taint NoSchedule": {fleet(node("n", taint("k", corev1.TaintEffectNoSchedule))), pod("p"),
			"0/1 nodes are available: 1 node(s) had untolerated taint(s)." + useless},
		"taint NoExecute": {fleet(node("n", taint("k", corev1.TaintEffectNoExecute))), pod("p"),
			"0/1 nodes are available: 1 node(s) had untolerated taint(s)." + useless},
		"taint tolerated": {fleet(node("n", taint("k", corev1.TaintEffectNoExecute))), pod("p", tolerate("k", "")), "n"},
		"taint of other effect": {fleet(node("n", taint("k", corev1.TaintEffectNoExecute))), pod("p", tolerate("k", corev1.TaintEffectNoSchedule)),
			"0/1 nodes are available: 1 node(s) had untolerated taint(s)." + useless},
		"taint that only weighs": {fleet(node("n", taint("k", corev1.TaintEffectPreferNoSchedule))), pod("p"), "n"},
		"nodeName": {fleet(node("n")), pod("p", func(p *corev1.Pod) { p.Spec.NodeName = "m" }),
			"0/1 nodes are available: 1 node(s) didn't match the requested node name." + useless},
		"nodeSelector": {fleet(node("n")), pod("p", selectNode("type", "AWS")),
			"0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector." + useless},
		"nodeSelector met": {fleet(node("n", nodeLabel("type", "AWS"))), pod("p", selectNode("type", "AWS")), "n"},
		"node affinity": {fleet(node("n", nodeLabel("cores", "2"))), pod("p", requireNode("cores", corev1.NodeSelectorOpGt, "3")),
			"0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector." + useless},
		"node affinity met": {fleet(node("n", nodeLabel("cores", "4"))), pod("p", requireNode("cores", corev1.NodeSelectorOpGt, "3")), "n"},
		"host port": {fleet(node("n")).on(t, "n", pod("q", hostPortOf(80, ""))), pod("p", hostPortOf(80, "10.0.0.1")),
			"0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports." + nobody},
		"host port of another address": {fleet(node("n")).on(t, "n", pod("q", hostPortOf(80, "10.0.0.2"))), pod("p", hostPortOf(80, "10.0.0.1")), "n"},
		"host port of all addresses": {fleet(node("n")).on(t, "n", pod("q", hostPortOf(80, "10.0.0.2"))), pod("p", hostPortOf(80, "")),
			"0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports." + nobody},
		"cpu": {fleet(node("n")).on(t, "n", pod("q", cpu("3500m"))), pod("p", cpu("501m")),
			"0/1 nodes are available: 1 Insufficient cpu." + nobody},
		"cpu to the last": {fleet(node("n")).on(t, "n", pod("q", cpu("3500m"))), pod("p", cpu("500m")), "n"},
		"cpu never":       {fleet(node("n")), pod("p", cpu("5")), "0/1 nodes are available: 1 Insufficient cpu." + useless},
		"cpu and memory": {fleet(node("n")).on(t, "n", pod("q", cpu("4"), request(corev1.ResourceMemory, "8Gi"))),
			pod("p", cpu("1"), request(corev1.ResourceMemory, "1")), "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory." + nobody},
		"overcommitted, nothing asked": {fleet(node("n")).on(t, "n", pod("q", cpu("9"))), pod("p"), "n"},
		"init container": {fleet(node("n")), pod("p", cpu("1"), func(p *corev1.Pod) {
			big := pod("x", cpu("5")).Spec.Containers[0]
			p.Spec.InitContainers = []corev1.Container{big}
		}), "0/1 nodes are available: 1 Insufficient cpu." + useless},
		"overhead": {fleet(node("n")), pod("p", cpu("4"), func(p *corev1.Pod) {
			p.Spec.Overhead = pod("x", cpu("1m")).Spec.Containers[0].Resources.Requests
		}), "0/1 nodes are available: 1 Insufficient cpu." + useless},
		"extended": {fleet(node("n", allocatable(gpu, "1"))).on(t, "n", pod("q", request(gpu, "1"))), pod("p", request(gpu, "1")),
			"0/1 nodes are available: 1 Insufficient example.com/gpu." + nobody},
		"too many pods": {fleet(node("n", allocatable(corev1.ResourcePods, "1"))).on(t, "n", pod("q")), pod("p"),
			"0/1 nodes are available: 1 Too many pods." + nobody},
		"affinity": {fleet(node("n")), pod("p", near(app("db", host))),
			"0/1 nodes are available: 1 node(s) didn't match pod affinity rules." + useless},
		"affinity met": {fleet(node("n")).on(t, "n", pod("q", label("app", "db"))), pod("p", near(app("db", host))), "n"},
		"affinity of another namespace": {fleet(node("n")).on(t, "n", pod("q", label("app", "db"), namespace("other"))), pod("p", near(app("db", host))),
			"0/1 nodes are available: 1 node(s) didn't match pod affinity rules." + useless},
		"affinity to itself, the first": {fleet(node("n")), pod("p", label("app", "db"), near(app("db", host))), "n"},
		"affinity without the label": {fleet(node("n")).on(t, "n", pod("q", label("app", "db"))), pod("p", near(app("db", zone))),
			"0/1 nodes are available: 1 node(s) didn't match pod affinity rules." + useless},
		"anti-affinity": {fleet(node("n")).on(t, "n", pod("q", label("app", "web"))), pod("p", away(app("web", host))),
			"0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules." + nobody},
		"anti-affinity of others": {fleet(node("n")).on(t, "n", pod("q", away(app("web", host)))), pod("p", label("app", "web")),
			"0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules." + nobody},
		"spread without the label": {fleet(node("n")), pod("p", label("app", "web"), spreadOver(zone, 1, corev1.DoNotSchedule)),
			"0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label)." + useless},
		"preemption not wanted": {fleet(node("n")).on(t, "n", pod("q", cpu("4"))), pod("p", cpu("1"), priority(1), func(p *corev1.Pod) {
			p.Spec.PreemptionPolicy = ptr.To(corev1.PreemptNever)
		}), "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decide(t, c.state, c.pod); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func requireNode(key string, op corev1.NodeSelectorOperator, values ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		affinity(p).NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: op, Values: values}},
			}},
		}
	}
}

// TestMessage counts nodes by reason, in the order of the text.
func TestMessage(t *testing.T) {
	s := fleet(
		node("a", nodeLabel("type", "AWS"), taint("k", corev1.TaintEffectNoSchedule)),
		node("b", nodeLabel("type", "AWS"), taint("k", corev1.TaintEffectNoExecute)),
		node("c"),
	)
	want := "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 2 node(s) had untolerated taint(s)." +
		" preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
	if got := decide(t, s, pod("p", selectNode("type", "AWS"))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestScores has the worse node first by name, so that only the score can choose the better one.
func TestScores(t *testing.T) {
	otherZones := []*corev1.Node{node("a", nodeLabel(zone, "1")), node("b", nodeLabel(zone, "2"))}
	for name, c := range map[string]struct {
		state *State
		pod   *corev1.Pod
		want  string
	}{
		"equal: first by name":   {fleet(node("b"), node("a")), pod("p"), "a"},
		"equal: fewest pods":     {fleet(node("a", allocatable(corev1.ResourceCPU, "0"), allocatable(corev1.ResourceMemory, "0")), node("b", allocatable(corev1.ResourceCPU, "0"), allocatable(corev1.ResourceMemory, "0"))).on(t, "a", pod("q")), pod("p"), "b"},
		"least allocated":        {fleet(node("a"), node("b")).on(t, "a", pod("q", cpu("1"))), pod("p"), "b"},
		"default requests weigh": {fleet(node("a"), node("b")).on(t, "a", pod("q"), pod("r")).on(t, "b", pod("s", cpu("1m"), request(corev1.ResourceMemory, "1"))), pod("p"), "b"},
		"siblings apart": {fleet(node("a"), node("b")).on(t, "a", pod("q", ownedBy("rs"))).on(t, "b", pod("r", cpu("2"))),
			pod("p", ownedBy("rs")), "b"},
		"terminating siblings don't count": {fleet(node("a"), node("b")).on(t, "a", pod("q", ownedBy("rs"), terminatingSince)).on(t, "b", pod("r", cpu("2"))),
			pod("p", ownedBy("rs")), "a"},
		"disliked taint":      {fleet(node("a", taint("k", corev1.TaintEffectPreferNoSchedule)), node("b")).on(t, "b", pod("q", cpu("2"))), pod("p"), "b"},
		"preferred node":      {fleet(node("a"), node("b", nodeLabel("disk", "ssd"))), pod("p", preferNode("disk", "ssd")), "b"},
		"rather near":         {fleet(node("a"), node("b")).on(t, "b", pod("q", label("app", "db"))), pod("p", ratherNear(app("db", host), 10)), "b"},
		"rather away":         {fleet(node("a"), node("b")).on(t, "a", pod("q", label("app", "db"))).on(t, "b", pod("r", cpu("2"))), pod("p", ratherAway(app("db", host), 10)), "b"},
		"others' rather near": {fleet(node("a"), node("b")).on(t, "b", pod("q", ratherNear(app("web", host), 10))), pod("p", label("app", "web")), "b"},
		"others' rather away": {fleet(node("a"), node("b")).on(t, "a", pod("q", ratherAway(app("web", host), 10))).on(t, "b", pod("r", cpu("2"))), pod("p", label("app", "web")), "b"},
		"others' required":    {fleet(node("a"), node("b")).on(t, "b", pod("q", near(app("web", host)))), pod("p", label("app", "web")), "b"},
		"soft spread": {fleet(otherZones...).on(t, "a", pod("q", label("app", "web"))).on(t, "b", pod("r", cpu("2"))),
			pod("p", label("app", "web"), spreadOver(zone, 1, corev1.ScheduleAnyway)), "b"},
		"soft spread, no place": {fleet(node("a"), node("b", nodeLabel(zone, "2"))).on(t, "b", pod("q", label("app", "web"))),
			pod("p", label("app", "web"), spreadOver(zone, 1, corev1.ScheduleAnyway)), "a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decide(t, c.state, c.pod); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func preferNode(key, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		affinity(p).NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.PreferredSchedulingTerm{{
			Weight: 1,
			Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
				{Key: key, Operator: corev1.NodeSelectorOpIn, Values: []string{value}},
			}},
		}}
	}
}

// TestNewPodError: what cannot be parsed is said, not ignored.
func TestNewPodError(t *testing.T) {
	broken := appSelector("web")
	broken.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "x", Operator: "Near"}}
	for name, change := range map[string]func(*corev1.Pod){
		"affinity": near(corev1.PodAffinityTerm{LabelSelector: broken, TopologyKey: host}),
		"spread": spreadOver(host, 1, corev1.DoNotSchedule, func(c *corev1.TopologySpreadConstraint) {
			c.LabelSelector = broken
		}),
	} {
		if _, err := NewPod(pod("p", change)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
