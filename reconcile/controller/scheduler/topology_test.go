package scheduler

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
)

// twoZones has a1, a2 in zone a and b1 in zone b.
func twoZones() *State {
	return fleet(node("a1", nodeLabel(zone, "a")), node("a2", nodeLabel(zone, "a")), node("b1", nodeLabel(zone, "b")))
}

func TestAntiAffinityReachesTheWholeZone(t *testing.T) {
	s := twoZones().on(t, "a1", pod("q", label("app", "web")))
	if got := decide(t, s, pod("p", away(app("web", zone)))); got != "b1" {
		t.Errorf("away from a zone: got %s", got)
	}
	if got := decide(t, s, pod("p", away(app("web", host)))); got != "a2" {
		t.Errorf("away from a host: got %s", got)
	}
}

// TestAffinityNeedsAllTerms: one Pod must satisfy every term, two that satisfy one each do not.
func TestAffinityNeedsAllTerms(t *testing.T) {
	tier := corev1.PodAffinityTerm{TopologyKey: zone, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "1"}}}
	s := twoZones().on(t, "a1", pod("q", label("app", "web")), pod("r", label("tier", "1"))).
		on(t, "b1", pod("s", label("app", "web"), label("tier", "1")))
	if got := decide(t, s, pod("p", near(app("web", zone)), near(tier))); got != "b1" {
		t.Errorf("got %s", got)
	}
}

func TestAffinityNamespaces(t *testing.T) {
	s := twoZones().on(t, "b1", pod("q", label("app", "web"), namespace("prod")))
	s.SetNamespace("prod", labels.Set{"stage": "prod"})
	listed, selected, all := app("web", host), app("web", host), app("web", host)
	listed.Namespaces = []string{"prod"}
	selected.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"stage": "prod"}}
	all.NamespaceSelector = &metav1.LabelSelector{}
	for name, term := range map[string]corev1.PodAffinityTerm{"listed": listed, "selected": selected, "all": all} {
		if got := decide(t, s, pod("p", near(term))); got != "b1" {
			t.Errorf("%s: got %s", name, got)
		}
	}
	s.SetNamespace("prod", labels.Set{"stage": "test"})
	if got := decide(t, s, pod("p", near(selected))); got == "b1" {
		t.Error("selected although the label has changed")
	}
}

// TestMatchLabelKeys: only the Pods of the same revision count.
func TestMatchLabelKeys(t *testing.T) {
	s := twoZones().on(t, "a1", pod("q", label("app", "web"), label("rev", "1")))
	same, other := app("web", host), app("web", host)
	same.MatchLabelKeys, other.MismatchLabelKeys = []string{"rev"}, []string{"rev"}
	if got := decide(t, s, pod("p", label("rev", "2"), away(same))); got != "a2" && got != "a1" {
		t.Errorf("got %s", got)
	}
	s.on(t, "a2", pod("f", cpu("2"))).on(t, "b1", pod("g", cpu("2")))
	if got := decide(t, s, pod("p", label("rev", "2"), away(same))); got != "a1" {
		t.Errorf("another revision is kept away from: got %s", got)
	}
	if got := decide(t, s, pod("p", label("rev", "2"), away(other))); got == "a1" {
		t.Error("another revision is not kept away from")
	}
}

func TestSpread(t *testing.T) {
	web := func(name string, changes ...func(*corev1.Pod)) *corev1.Pod {
		return pod(name, append([]func(*corev1.Pod){label("app", "web")}, changes...)...)
	}
	hard := func(changes ...func(*corev1.TopologySpreadConstraint)) *corev1.Pod {
		return web("p", spreadOver(zone, 1, corev1.DoNotSchedule, changes...))
	}
	minDomains := func(n int32) func(*corev1.TopologySpreadConstraint) {
		return func(c *corev1.TopologySpreadConstraint) { c.MinDomains = ptr.To(n) }
	}
	const full = "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints." +
		" preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."
	for name, c := range map[string]struct {
		state *State
		pod   *corev1.Pod
		want  string
	}{
		"to the emptier zone":      {twoZones().on(t, "a1", web("q")).on(t, "b1", pod("r", cpu("3"))), hard(), "b1"},
		"terminating don't count":  {twoZones().on(t, "a1", web("q", terminatingSince)).on(t, "b1", pod("r", cpu("3"))).on(t, "a2", pod("f", cpu("2"))), hard(), "a1"},
		"other namespaces neither": {twoZones().on(t, "a1", web("q", namespace("other"))).on(t, "b1", pod("r", cpu("3"))).on(t, "a2", pod("f", cpu("2"))), hard(), "a1"},
		"two zones, three wanted":  {twoZones().on(t, "a1", web("q")).on(t, "b1", web("r")), hard(minDomains(3)), full},
		"two zones, two wanted":    {twoZones().on(t, "a1", web("q")).on(t, "b1", web("r")), hard(minDomains(2)), "a2"},
		"a zone that may not be used does not count": {twoZones().on(t, "a1", web("q")), func() *corev1.Pod {
			p := hard()
			p.Spec.NodeSelector = map[string]string{zone: "a"}
			return p
		}(), "a2"},
		"it does count if the policy says so": {twoZones().on(t, "a1", web("q")), func() *corev1.Pod {
			p := hard(func(c *corev1.TopologySpreadConstraint) {
				c.NodeAffinityPolicy = ptr.To(corev1.NodeInclusionPolicyIgnore)
			})
			p.Spec.NodeSelector = map[string]string{zone: "a"}
			return p
		}(), "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 2 node(s) didn't match pod topology spread constraints." +
			" preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod."},
		"a tainted zone counts": {fleet(node("a", nodeLabel(zone, "a")), node("b", nodeLabel(zone, "b"), taint("k", corev1.TaintEffectNoSchedule))).on(t, "a", web("q")), hard(),
			"0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) had untolerated taint(s)." +
				" preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."},
		"unless the policy says so": {fleet(node("a", nodeLabel(zone, "a")), node("b", nodeLabel(zone, "b"), taint("k", corev1.TaintEffectNoSchedule))).on(t, "a", web("q")),
			hard(func(c *corev1.TopologySpreadConstraint) { c.NodeTaintsPolicy = ptr.To(corev1.NodeInclusionPolicyHonor) }), "a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decide(t, c.state, c.pod); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestReplicaSetSpreads places ten Pods of one owner on three nodes, one after another.
func TestReplicaSetSpreads(t *testing.T) {
	s := fleet(node("a"), node("b"), node("c"))
	counts := map[string]int{}
	for i := range 10 {
		p := pod(fmt.Sprint("p", i), ownedBy("rs"))
		name := decide(t, s, p)
		counts[name]++
		s.on(t, name, p)
	}
	for name, count := range counts {
		if count < 3 || count > 4 {
			t.Errorf("%s has %d of 10", name, count)
		}
	}
}
