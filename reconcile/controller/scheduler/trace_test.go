package scheduler

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestDay plays a day of a small fleet, decision by decision, into a trace that a person can read.
func TestDay(t *testing.T) {
	s := fleet(
		node("control", taint("node-role.kubernetes.io/control-plane", corev1.TaintEffectNoSchedule)),
		node("raspi002", nodeLabel("type", "AWS")),
		node("raspi003", nodeLabel("type", "GCP")),
	)
	var trace strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&trace, format+"\n", args...) }
	place := func(p *corev1.Pod) {
		got := decide(t, s, p)
		if s.nodes[got] != nil {
			s.on(t, got, p)
		}
		say("%-10s ▶ %s", p.Name, got)
	}
	say("# web: six replicas of one core")
	for i := range 6 {
		place(pod(fmt.Sprint("web-", i), cpu("1"), ownedBy("web"), created(time.Duration(i)*time.Second)))
	}
	say("# one that must be on AWS, one that nobody has room for")
	place(pod("aws", cpu("500m"), selectNode("type", "AWS")))
	place(pod("large", cpu("3")))
	say("# raspi003 is cordoned: web-6 goes where web is already")
	s.SetNode(node("raspi003", nodeLabel("type", "GCP"), cordon))
	place(pod("web-6", cpu("500m"), ownedBy("web")))
	place(pod("web-7", cpu("500m"), ownedBy("web")))
	say("# something important comes: the youngest of the least important goes")
	place(pod("important", cpu("1"), priority(100)))
	say("# raspi003 is back: nobody has to go")
	s.SetNode(node("raspi003", nodeLabel("type", "GCP")))
	place(pod("important", cpu("1"), priority(100)))
	say("# one a host, by anti-affinity: the third has no host")
	for i := range 3 {
		place(pod(fmt.Sprint("agent-", i), label("app", "agent"), away(app("agent", host))))
	}

	const path = "testdata/day.golden"
	if *update {
		if err := os.WriteFile(path, []byte(trace.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), trace.String()); diff != "" {
		t.Error(diff)
	}
}
