package nodes

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// script is a fleet that is played by the planners alone, second by second, into a trace that a person can read.
type script struct {
	nodes []*corev1.Node
	pods  []*corev1.Pod
	// silent is whether a node says nothing at that second; away is whether the controller itself does not run.
	silent func(name string, second int) bool
	away   func(second int) bool
	// happens may change the nodes, say by a user's hand.
	happens map[int]func(nodes []*corev1.Node) ([]*corev1.Node, string)
	end     int
}

const renewPeriod = 10 // seconds

func (s script) play() string {
	var trace strings.Builder
	f, h := newFleet(Limits{}), heard{beats: map[string]beat{}}
	nodes := map[string]*corev1.Node{}
	gone := map[string]bool{}
	for second := range s.end {
		now := epoch.Add(time.Duration(second) * time.Second)
		say := func(format string, args ...any) {
			fmt.Fprintf(&trace, "%4ds  %s\n", second, fmt.Sprintf(format, args...))
		}
		if change := s.happens[second]; change != nil {
			var what string
			s.nodes, what = change(s.nodes)
			say("%s", what)
		}
		for i, n := range s.nodes {
			if !s.silent(n.Name, second) && (second+i)%renewPeriod == 0 {
				s.nodes[i] = answering(n, now)
			}
		}
		if s.away != nil && s.away(second) {
			continue
		}
		if h.look(now, 20*time.Second) {
			say("the controller slept")
		}
		for _, n := range s.nodes {
			nodes[n.Name] = n
			renewed := metav1.NewMicroTime(readySince(n))
			h.lease(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: n.Name}, Spec: coordinationv1.LeaseSpec{RenewTime: &renewed}}, now)
			if f.set(n, now) == returned {
				h.again(now)
				say("%s is the first that is back", n.Name)
			}
		}
		for i, n := range s.nodes {
			plan := PlanNode(n, h.last(n.Name), now, 40*time.Second, f.pace(n))
			if plan.Expels && !f.take(n, now) {
				panic("the turn was not free")
			}
			if plan.Node != nil {
				s.nodes[i] = plan.Node
				f.set(plan.Node, now)
				say("%s: %s", n.Name, brief(plan.Node))
			}
		}
		for _, p := range s.pods {
			at := slices.IndexFunc(s.nodes, func(n *corev1.Node) bool { return n.Name == p.Spec.NodeName })
			var around Surroundings
			if at >= 0 {
				around = f.around(s.nodes[at])
			} else {
				around = Surroundings{Gone: f.goneSince(p.Spec.NodeName, now), Quarantine: 40 * time.Second}
			}
			if plan := PlanPod(p, around, now); plan.Delete && !gone[p.Name+plan.Message] {
				gone[p.Name+plan.Message] = true
				say("pod %s on %s: %s", p.Name, p.Spec.NodeName, plan.Message)
				p.DeletionTimestamp = &metav1.Time{Time: now}
			}
		}
	}
	return trace.String()
}

// answering is the node as it says of itself that it is well.
func answering(n *corev1.Node, now time.Time) *corev1.Node {
	n = n.DeepCopy()
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.NewTime(now)}}
	return n
}

func readySince(n *corev1.Node) time.Time {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.LastHeartbeatTime.Time
		}
	}
	return time.Time{}
}

// brief is "Unknown | unreachable:NoSchedule …".
func brief(n *corev1.Node) string {
	_, taints, _ := strings.Cut(summary(n), " | ")
	return string(status(n, corev1.NodeReady)) + " | " + taints
}

func patient(name, nodeName string) *corev1.Pod {
	return pod(name, tolerate(corev1.TaintNodeUnreachable, seconds(300)), tolerate(corev1.TaintNodeNotReady, seconds(300)),
		func(p *corev1.Pod) { p.Spec.NodeName = nodeName })
}

func fleetOf(n int) ([]*corev1.Node, []*corev1.Pod) {
	var nodes []*corev1.Node
	var pods []*corev1.Pod
	for i := range n {
		name := fmt.Sprintf("node%d", i+1)
		nodes = append(nodes, node(name, "True", ""))
		pods = append(pods, patient(fmt.Sprintf("web-%d", i+1), name))
	}
	return nodes, pods
}

func between(second, from, to int) bool { return second > from && second < to }

// TestLossOfAMachine: one of two falls silent, and is back.
func TestLossOfAMachine(t *testing.T) {
	pods := []*corev1.Pod{
		patient("patient", "lost"), pod("hasty", tolerate(corev1.TaintNodeUnreachable, seconds(30))),
		pod("loyal", tolerate(corev1.TaintNodeUnreachable, nil)), pod("intolerant"),
	}
	golden(t, "loss.golden", script{
		nodes: []*corev1.Node{node("lost", "True", ""), node("other", "True", "")}, pods: pods, end: 500,
		silent: func(name string, second int) bool { return name == "lost" && between(second, 0, 400) },
	}.play())
}

// TestOutageOfAll: nobody is driven out while no node is heard, nor soon after; the one that stays away is lost then.
func TestOutageOfAll(t *testing.T) {
	nodes, pods := fleetOf(3)
	golden(t, "outage.golden", script{
		nodes: nodes, pods: pods, end: 1600,
		silent: func(name string, second int) bool {
			return between(second, 100, 1000) || name == "node3" && second > 100
		},
	}.play())
}

// TestLossOfHalf: four of six is too much for a small zone: none is emptied until two are back, and then one every ten seconds.
func TestLossOfHalf(t *testing.T) {
	nodes, pods := fleetOf(6)
	golden(t, "half.golden", script{
		nodes: nodes, pods: pods, end: 1000,
		silent: func(name string, second int) bool {
			return name > "node4" && second > 50 || (name == "node3" || name == "node4") && between(second, 45, 500)
		},
	}.play())
}

// TestFlapping: a machine that is heard now and then loses nothing.
func TestFlapping(t *testing.T) {
	nodes, pods := fleetOf(2)
	golden(t, "flapping.golden", script{
		nodes: nodes, pods: pods, end: 2000,
		silent: func(name string, second int) bool { return name == "node1" && second%30 != 0 && second%70 != 0 },
	}.play())
}

// TestControllerSlept: that it was away for an hour does not make others silent.
func TestControllerSlept(t *testing.T) {
	nodes, pods := fleetOf(2)
	golden(t, "slept.golden", script{
		nodes: nodes, pods: pods, end: 5000,
		silent: func(name string, second int) bool { return name == "node2" && second > 3000 },
		away:   func(second int) bool { return between(second, 600, 4200) },
	}.play())
}

// TestOutOfServiceAndDeleted: a user vouches that a lost machine is off; another deletes its Node.
func TestOutOfServiceAndDeleted(t *testing.T) {
	nodes, pods := fleetOf(3)
	s := script{nodes: nodes, pods: pods, end: 300, silent: func(name string, second int) bool { return name == "node1" && second > 0 }}
	s.happens = map[int]func([]*corev1.Node) ([]*corev1.Node, string){
		100: func(nodes []*corev1.Node) ([]*corev1.Node, string) {
			nodes[0] = nodes[0].DeepCopy()
			nodes[0].Spec.Taints = append(nodes[0].Spec.Taints, corev1.Taint{Key: corev1.TaintNodeOutOfService, Value: "nodeshutdown", Effect: corev1.TaintEffectNoExecute})
			return nodes, "somebody says that node1 is out of service"
		},
		200: func(nodes []*corev1.Node) ([]*corev1.Node, string) { return nodes[:2], "somebody deletes node3" },
	}
	golden(t, "out-of-service.golden", s.play())
}
