package nodes

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite golden files")

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// node says these statuses of itself; "" is a condition that it does not have.
func node(name string, ready, disk corev1.ConditionStatus) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(epoch)}}
	for _, c := range []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}, {Type: corev1.NodeDiskPressure, Status: disk}} {
		if c.Status != "" {
			c.LastHeartbeatTime = metav1.NewTime(epoch)
			n.Status.Conditions = append(n.Status.Conditions, c)
		}
	}
	return n
}

// summary is "Ready=Unknown(NodeStatusUnknown) … | unreachable:NoSchedule …".
func summary(n *corev1.Node) string {
	var conditions, taints []string
	for _, c := range n.Status.Conditions {
		text := fmt.Sprintf("%s=%s", c.Type, c.Status)
		if c.Reason != "" {
			text += "(" + c.Reason + ")"
		}
		conditions = append(conditions, text)
	}
	for _, t := range n.Spec.Taints {
		taints = append(taints, strings.TrimPrefix(t.ToString(), "node.kubernetes.io/"))
	}
	return strings.Join(conditions, " ") + " | " + strings.Join(taints, " ")
}

func TestPlanNode(t *testing.T) {
	cordoned := node("n", "True", "")
	cordoned.Spec.Unschedulable = true
	mine := node("n", "True", "")
	mine.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}, {Key: "mine", Effect: corev1.TaintEffectNoExecute}}
	lostEarlier := node("n", "Unknown", "")
	lostEarlier.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoSchedule}}
	swapped := node("n", "False", "")
	swapped.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoExecute}}
	for name, c := range map[string]struct {
		node   *corev1.Node
		silent time.Duration
		want   string
		lost   bool
		after  time.Duration
	}{
		"well":                               {node("n", "True", "False"), 10 * time.Second, "", false, 30 * time.Second},
		"almost silent":                      {node("n", "True", "False"), 40*time.Second - 1, "", false, 1},
		"silent":                             {node("n", "True", "True"), 40 * time.Second, "Ready=Unknown(NodeStatusUnknown) DiskPressure=Unknown(NodeStatusUnknown) MemoryPressure=Unknown(NodeStatusNeverUpdated) PIDPressure=Unknown(NodeStatusNeverUpdated) | unreachable:NoSchedule unreachable:NoExecute", true, 0},
		"says it is not":                     {node("n", "False", ""), 0, "Ready=False | not-ready:NoSchedule not-ready:NoExecute", false, 40 * time.Second},
		"disk full":                          {node("n", "True", "True"), 0, "Ready=True DiskPressure=True | disk-pressure:NoSchedule", false, 40 * time.Second},
		"cordoned":                           {cordoned, 0, "Ready=True | unschedulable:NoSchedule", false, 40 * time.Second},
		"back":                               {mine, 0, "Ready=True | mine:NoExecute", false, 40 * time.Second},
		"was lost before this process began": {lostEarlier, 0, "", false, 40 * time.Second},
		"swaps the taint":                    {swapped, 40 * time.Second, "Ready=Unknown(NodeStatusUnknown) MemoryPressure=Unknown(NodeStatusNeverUpdated) DiskPressure=Unknown(NodeStatusNeverUpdated) PIDPressure=Unknown(NodeStatusNeverUpdated) | unreachable:NoSchedule unreachable:NoExecute", true, 0},
		"has not spoken yet":                 {node("n", "", ""), 0, "", false, 40 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			plan := PlanNode(c.node, epoch, epoch.Add(c.silent), 40*time.Second, Pace{})
			got := ""
			if plan.Node != nil {
				got = summary(plan.Node)
			}
			if got != c.want || plan.Lost != c.lost || plan.After != c.after {
				t.Errorf("got  %s, lost %v, after %v\nwant %s, lost %v, after %v", got, plan.Lost, plan.After, c.want, c.lost, c.after)
			}
		})
	}
}

func TestUnknownMessage(t *testing.T) {
	c := PlanNode(node("n", "True", ""), epoch, epoch.Add(time.Hour), time.Second, Pace{}).Node.Status.Conditions[0]
	if c.Message != "Kubelet stopped posting node status." || !c.LastTransitionTime.Time.Equal(epoch.Add(time.Hour)) || !c.LastHeartbeatTime.Time.Equal(epoch) {
		t.Errorf("%+v", c)
	}
}

// TestPlanNodeRests: what is written needs nothing more, says nothing of the node that it has not said, and keeps foreign taints.
func TestPlanNodeRests(t *testing.T) {
	statuses := rapid.SampledFrom([]corev1.ConditionStatus{"", "True", "False", "Unknown"})
	rapid.Check(t, func(t *rapid.T) {
		n := node("n", statuses.Draw(t, "ready"), statuses.Draw(t, "disk"))
		n.Spec.Unschedulable = rapid.Bool().Draw(t, "cordoned")
		foreign := corev1.Taint{Key: "mine", Effect: corev1.TaintEffectNoExecute}
		for _, rule := range rules {
			for _, effect := range []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute} {
				if effect == corev1.TaintEffectNoExecute && rule.key != corev1.TaintNodeNotReady && rule.key != corev1.TaintNodeUnreachable {
					continue // a user's
				}
				if rapid.Bool().Draw(t, rule.key+string(effect)) {
					n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: rule.key, Effect: effect})
				}
			}
		}
		n.Spec.Taints = append(n.Spec.Taints, foreign)
		before := n.DeepCopy()
		now := epoch.Add(time.Duration(rapid.IntRange(0, 80).Draw(t, "silent")) * time.Second)
		pace := Pace{Held: rapid.Bool().Draw(t, "held"), Never: rapid.Bool().Draw(t, "never"), Turn: epoch.Add(time.Duration(rapid.IntRange(0, 80).Draw(t, "turn")) * time.Second)}
		plan := PlanNode(n, epoch, now, 40*time.Second, pace)
		if plan.Expels && (pace.Held || pace.Never || now.Before(pace.Turn)) {
			t.Fatal("it was not its turn")
		}
		if !cmp.Equal(before, n) {
			t.Fatal("the cached node was changed")
		}
		if plan.Node == nil {
			return
		}
		if pace.Held && isExpelled(plan.Node) {
			t.Fatal("it is emptied although no node is ready")
		}
		again := PlanNode(plan.Node, epoch, now, 40*time.Second, pace)
		if again.Expels || again.Node != nil {
			t.Fatalf("%s, and then %s", summary(plan.Node), summary(again.Node))
		}
		if !slices.Contains(plan.Node.Spec.Taints, foreign) {
			t.Fatal("a foreign taint was taken away")
		}
		if now.Sub(epoch) < 40*time.Second && !cmp.Equal(plan.Node.Status, n.Status) {
			t.Fatal("a node that is heard was called silent")
		}
	})
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}
