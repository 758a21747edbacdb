package scheduler

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestNodeChangeHelps(t *testing.T) {
	base := node("n", taint("k", corev1.TaintEffectNoSchedule))
	beat := base.DeepCopy()
	beat.ResourceVersion, beat.Status.Conditions = "2", []corev1.NodeCondition{{Type: corev1.NodeReady}}
	for name, c := range map[string]struct {
		old, updated *corev1.Node
		want         Cause
	}{
		"added":       {nil, base, allCauses},
		"removed":     {base, nil, CauseSpread},
		"heartbeat":   {base, beat, 0},
		"labelled":    {base, node("n", nodeLabel("a", "b"), taint("k", corev1.TaintEffectNoSchedule)), CauseNode | CauseAffinity | CauseAntiAffinity | CauseSpread},
		"taint gone":  {base, node("n"), CauseNode | CauseSpread},
		"uncordoned":  {node("n", cordon), node("n"), CauseNode | CauseSpread},
		"more memory": {node("n"), node("n", allocatable(corev1.ResourceMemory, "9Gi")), CauseResources},
	} {
		if got := nodeChangeHelps(c.old, c.updated); got != c.want {
			t.Errorf("%s: got %b, want %b", name, got, c.want)
		}
	}
}

func TestPodChangeHelps(t *testing.T) {
	started := pod("p")
	started.Status.Phase = corev1.PodRunning
	for name, c := range map[string]struct {
		old, updated *corev1.Pod
		want         Cause
	}{
		"started":     {pod("p"), started, 0},
		"labelled":    {pod("p"), pod("p", label("a", "b")), CauseAffinity | CauseAntiAffinity | CauseSpread},
		"terminating": {pod("p"), pod("p", terminatingSince), CauseSpread},
		"resized":     {pod("p", cpu("2")), pod("p", cpu("1")), CauseResources},
	} {
		if got := podChangeHelps(c.old, c.updated); got != c.want {
			t.Errorf("%s: got %b, want %b", name, got, c.want)
		}
	}
}

func TestMayFit(t *testing.T) {
	s := fleet(node("full"), node("roomy")).on(t, "full", pod("q", cpu("3"), priority(5))).on(t, "gone", pod("r"))
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		node string
		want bool
	}{
		"room":                      {pod("p", cpu("2")), "roomy", true},
		"too little":                {pod("p", cpu("2")), "full", false},
		"enough of what is left":    {pod("p", cpu("1")), "full", true},
		"of the same priority":      {pod("p", cpu("2"), priority(5)), "full", false},
		"someone less important":    {pod("p", cpu("2"), priority(6)), "full", true},
		"a node that is not there":  {pod("p"), "gone", false},
		"a node that never was":     {pod("p"), "never", false},
		"its victims were there":    {pod("nominee", cpu("2")), "full", true},
		"its victims are elsewhere": {pod("nominee", cpu("9")), "roomy", false},
	} {
		p := mustPod(t, c.pod)
		if p.Name == "nominee" {
			s.Nominate(p, "full")
		}
		if got := s.mayFit(p, c.node); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
