package scheduler

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

func anyNode(t *rapid.T, name string) *corev1.Node {
	n := node(name,
		allocatable(corev1.ResourceCPU, fmt.Sprintf("%dm", rapid.IntRange(0, 4000).Draw(t, "cpu"))),
		allocatable(corev1.ResourcePods, fmt.Sprint(rapid.IntRange(1, 6).Draw(t, "pods"))),
		nodeLabel(zone, rapid.SampledFrom([]string{"x", "y"}).Draw(t, "zone")))
	if rapid.IntRange(0, 4).Draw(t, "tainted") == 0 {
		taint("k", rapid.SampledFrom([]corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule}).Draw(t, "effect"))(n)
	}
	n.Spec.Unschedulable = rapid.IntRange(0, 6).Draw(t, "cordoned") == 0
	return n
}

func anyPod(t *rapid.T, name string) *corev1.Pod {
	web := label("app", rapid.SampledFrom([]string{"web", "db"}).Draw(t, "app"))
	key := rapid.SampledFrom([]string{zone, host}).Draw(t, "key")
	wishes := []func(*corev1.Pod){
		cpu(fmt.Sprintf("%dm", rapid.IntRange(0, 2000).Draw(t, "cpu"))),
		hostPortOf(int32(rapid.IntRange(80, 81).Draw(t, "port")), ""),
		tolerate("k", ""),
		near(app("web", key)), away(app("web", key)), ratherNear(app("db", key), 5), ratherAway(app("db", key), 5),
		ownedBy("rs"),
		priority(int32(rapid.IntRange(-1, 3).Draw(t, "priority"))),
		func(p *corev1.Pod) { spreadOver(key, 1, corev1.DoNotSchedule)(p) },
		func(p *corev1.Pod) { spreadOver(key, 1, corev1.ScheduleAnyway)(p) },
	}
	chosen := []func(*corev1.Pod){web}
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(wishes)-1), 0, 4, rapid.ID[int]).Draw(t, "wishes") {
		chosen = append(chosen, wishes[i])
	}
	return pod(name, chosen...)
}

type world struct {
	nodes []*corev1.Node
	pods  map[types.UID]*corev1.Pod
	where map[types.UID]string
}

// state puts nodes and Pods into a State in a drawn order.
func (w *world) state(t *rapid.T) *State {
	s := NewState()
	uids := make([]types.UID, 0, len(w.where))
	for uid := range w.where {
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	for _, n := range rapid.Permutation(w.nodes).Draw(t, "nodes") {
		s.SetNode(n)
	}
	if len(uids) == 0 {
		return s
	}
	for _, uid := range rapid.Permutation(uids).Draw(t, "pods") {
		s.Place(mustPod(t, w.pods[uid]), w.where[uid])
	}
	return s
}

// fingerprint is all sums of a State, to see whether two are the same.
func fingerprint(s *State) map[string]any {
	seen := map[string]any{}
	for name, n := range s.nodes {
		pods := []string{}
		for uid := range n.pods {
			pods = append(pods, string(uid))
		}
		slices.Sort(pods)
		seen[name] = []any{n.requested, n.weights, pods, n.owners, fmt.Sprint(n.ports)}
	}
	seen["subsets"] = []int{len(s.pods), len(s.repelling), len(s.preferring), len(s.byNamespace), len(s.nominees)}
	return seen
}

// TestNeverOvercommits lets Pods come and go; whatever is decided, no node may break a promise, and the State built step by
// step must be the one built at once.
func TestNeverOvercommits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{pods: map[types.UID]*corev1.Pod{}, where: map[types.UID]string{}}
		for i := range rapid.IntRange(1, 4).Draw(t, "fleet") {
			w.nodes = append(w.nodes, anyNode(t, fmt.Sprint("n", i)))
		}
		s := w.state(t)
		for i := range rapid.IntRange(1, 15).Draw(t, "steps") {
			if uids := placedUIDs(w); len(uids) > 0 && rapid.IntRange(0, 3).Draw(t, "goes") == 0 {
				uid := rapid.SampledFrom(uids).Draw(t, "who")
				s.Remove(uid)
				delete(w.where, uid)
				continue
			}
			object := anyPod(t, fmt.Sprint("p", i))
			before := fingerprint(s)
			p := mustPod(t, object)
			d := Plan(s, p)
			if diff := cmp.Diff(before, fingerprint(s), cmp.AllowUnexported(Resources{})); diff != "" {
				t.Fatalf("planning changed the state:\n%s", diff)
			}
			if again := Plan(w.state(t), p); again.Node != d.Node || again.Message() != d.Message() || again.Preemption.Node != d.Preemption.Node {
				t.Fatalf("another order, another answer: %+v and %+v", d, again)
			}
			checkPreemption(t, w, p, d)
			if d.Node != "" {
				s.Place(p, d.Node)
				w.pods[object.UID], w.where[object.UID] = object, d.Node
				checkPromises(t, w, object, d.Node)
			}
		}
	})
}

func placedUIDs(w *world) []types.UID {
	var uids []types.UID
	for uid := range w.where {
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	return uids
}

// checkPromises looks at the objects alone, not at the scheduler's sums.
func checkPromises(t *rapid.T, w *world, added *corev1.Pod, nodeName string) {
	var on *corev1.Node
	zones := map[string]string{}
	for _, n := range w.nodes {
		zones[n.Name] = n.Labels[zone]
		if n.Name == nodeName {
			on = n
		}
	}
	if on.Spec.Unschedulable {
		t.Fatalf("%s is cordoned", nodeName)
	}
	var used resource.Quantity
	count, ports := int64(0), map[int32]int{}
	for uid, name := range w.where {
		other := w.pods[uid]
		same := map[string]bool{host: name == nodeName, zone: zones[name] == zones[nodeName]}
		if uid != added.UID {
			for _, pair := range [][2]*corev1.Pod{{added, other}, {other, added}} {
				if repels(pair[0], pair[1], same) {
					t.Fatalf("%s must be away from %s", pair[0].Name, pair[1].Name)
				}
			}
		}
		if name != nodeName {
			continue
		}
		count++
		used.Add(*other.Spec.Containers[0].Resources.Requests.Cpu())
		for _, port := range other.Spec.Containers[0].Ports {
			if ports[port.HostPort]++; ports[port.HostPort] > 1 {
				t.Fatalf("port %d of %s promised twice", port.HostPort, nodeName)
			}
		}
	}
	if !added.Spec.Containers[0].Resources.Requests.Cpu().IsZero() && used.Cmp(*on.Status.Allocatable.Cpu()) > 0 {
		t.Fatalf("%s has %s, promised %s", nodeName, on.Status.Allocatable.Cpu(), &used)
	}
	if count > on.Status.Allocatable.Pods().Value() {
		t.Fatalf("%s has %d pods", nodeName, count)
	}
}

func repels(a, b *corev1.Pod, same map[string]bool) bool {
	if a.Spec.Affinity == nil {
		return false
	}
	for _, term := range a.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		if same[term.TopologyKey] && term.LabelSelector.MatchLabels["app"] == b.Labels["app"] {
			return true
		}
	}
	return false
}

// checkPreemption: only the less important go, it helps, and none of them goes in vain.
func checkPreemption(t *rapid.T, w *world, p *Pod, d Decision) {
	if d.Preemption.Node == "" {
		return
	}
	without := func(spared types.UID) string {
		s := w.state(t)
		for _, v := range d.Preemption.Victims {
			if v.UID != spared {
				s.Remove(v.UID)
			}
		}
		for _, r := range reject(prepared(s, p), s.nodes[d.Preemption.Node]) {
			return r.Text
		}
		return ""
	}
	if reason := without(""); reason != "" {
		t.Fatalf("eviction does not help: %s", reason)
	}
	for _, v := range d.Preemption.Victims {
		if v.Priority >= p.Priority {
			t.Fatalf("%s of priority %d goes for %d", v.Name, v.Priority, p.Priority)
		}
		if without(v.UID) == "" {
			t.Fatalf("%s goes in vain", v.Name)
		}
	}
}
