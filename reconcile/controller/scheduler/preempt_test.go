package scheduler

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func TestPreempt(t *testing.T) {
	full := func(changes ...func(*corev1.Pod)) []func(*corev1.Pod) { return append(changes, cpu("4")) }
	for name, c := range map[string]struct {
		state *State
		want  string
	}{
		"lower priority goes": {fleet(node("a")).on(t, "a", pod("q", full(priority(1))...)), "evict q from a"},
		"same priority stays": {fleet(node("a")).on(t, "a", pod("q", full(priority(10))...)),
			"0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."},
		"as few as are needed": {fleet(node("a")).on(t, "a", pod("q", cpu("1")), pod("r", cpu("2")), pod("s", cpu("1"), created(time.Hour))), "evict r s from a"},
		"the less important":   {fleet(node("a"), node("b")).on(t, "a", pod("q", full(priority(2))...)).on(t, "b", pod("r", full(priority(1))...)), "evict r from b"},
		"fewer":                {fleet(node("a"), node("b")).on(t, "a", pod("q", cpu("2")), pod("r", cpu("2"))).on(t, "b", pod("s", cpu("4"))), "evict s from b"},
		"fewer, below zero too": {fleet(node("a"), node("b")).on(t, "a", pod("q", cpu("2"), priority(-5)), pod("r", cpu("2"), priority(-5))).
			on(t, "b", pod("s", cpu("4"), priority(-5))), "evict s from b"},
		"the younger": {fleet(node("a"), node("b")).on(t, "a", pod("q", full()...)).on(t, "b", pod("r", full(created(time.Hour))...)), "evict r from b"},
		"of no use": {fleet(node("a"), node("b", taint("k", corev1.TaintEffectNoSchedule))).on(t, "a", pod("q", cpu("2"), priority(10)), pod("r", cpu("1"))).
			on(t, "b", pod("s", full()...)),
			"0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s)." +
				" preemption: 0/2 nodes are available: 1 Insufficient cpu, 1 Preemption is not helpful for scheduling."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decide(t, c.state, pod("p", cpu("3"), priority(10))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestPreemptAntiAffinity: what must go need not be what takes the most.
func TestPreemptAntiAffinity(t *testing.T) {
	s := fleet(node("a")).on(t, "a", pod("q", label("app", "web")), pod("r", cpu("2")))
	if got := decide(t, s, pod("p", priority(1), away(app("web", host)))); got != "evict q from a" {
		t.Errorf("got %s", got)
	}
}

// TestNomination: room is kept for who has had Pods evicted, against its equals but not against its betters.
func TestNomination(t *testing.T) {
	s := fleet(node("a"), node("b")).on(t, "b", pod("q", cpu("4")))
	waiting := mustPod(t, pod("waiting", cpu("3"), priority(10), hostPortOf(80, "")))
	s.Nominate(waiting, "a")
	if got := Plan(s, mustPod(t, pod("p", cpu("2"), priority(5)))); got.Node != "" {
		t.Errorf("the room was given away: %s", got.Node)
	}
	if got := Plan(s, mustPod(t, pod("p", hostPortOf(80, ""), priority(5)))); got.Node != "b" {
		t.Errorf("the port was given away: %q", got.Node)
	}
	if got := Plan(s, mustPod(t, pod("p", cpu("2"), priority(11)))); got.Node != "a" {
		t.Errorf("no way past a lower priority: %q %s", got.Node, got.Message())
	}
	if got := Plan(s, waiting); got.Node != "a" {
		t.Errorf("its own room is closed to it: %q", got.Node)
	}
	s.Nominate(waiting, "")
	if got := Plan(s, mustPod(t, pod("p", cpu("2")))); got.Node != "a" {
		t.Errorf("the room was not given back: %q", got.Node)
	}
}

// TestPreemptWaits: no second round of evictions while the first victims are still leaving.
func TestPreemptWaits(t *testing.T) {
	s := fleet(node("a"), node("b")).on(t, "a", pod("q", cpu("4"), terminatingSince)).on(t, "b", pod("r", cpu("4")))
	p := mustPod(t, pod("p", cpu("3"), priority(10)))
	s.Nominate(p, "a")
	d := Plan(s, p)
	want := "0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible due to a terminating pod on the nominated node."
	if d.Message() != want || d.Preemption.Nominated != "a" || len(d.Preemption.Victims) > 0 {
		t.Errorf("got %s, nominated %q", d.Message(), d.Preemption.Nominated)
	}
}
