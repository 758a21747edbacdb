package nodes

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rule says when a node has a taint.
type rule struct {
	key     string
	effects []corev1.TaintEffect
	holds   func(node *corev1.Node) bool
}

var (
	noSchedule = []corev1.TaintEffect{corev1.TaintEffectNoSchedule}
	noExecute  = []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute}
)

// rules of the taints that follow from a node's state. With these keys and effects, all other taints are taken away.
var rules = []rule{
	{corev1.TaintNodeNotReady, noExecute, is(corev1.NodeReady, corev1.ConditionFalse)},
	{corev1.TaintNodeUnreachable, noExecute, is(corev1.NodeReady, corev1.ConditionUnknown)},
	{corev1.TaintNodeMemoryPressure, noSchedule, is(corev1.NodeMemoryPressure, corev1.ConditionTrue)},
	{corev1.TaintNodeDiskPressure, noSchedule, is(corev1.NodeDiskPressure, corev1.ConditionTrue)},
	{corev1.TaintNodePIDPressure, noSchedule, is(corev1.NodePIDPressure, corev1.ConditionTrue)},
	{corev1.TaintNodeNetworkUnavailable, noSchedule, is(corev1.NodeNetworkUnavailable, corev1.ConditionTrue)},
	{corev1.TaintNodeUnschedulable, noSchedule, func(node *corev1.Node) bool { return node.Spec.Unschedulable }},
}

func is(kind corev1.NodeConditionType, wanted corev1.ConditionStatus) func(*corev1.Node) bool {
	return func(node *corev1.Node) bool { return status(node, kind) == wanted }
}

// setTaints brings the taints of the rules in line, leaves all others alone, and says whether anything changed.
func setTaints(node *corev1.Node, now time.Time) (changed bool) {
	for _, rule := range rules {
		for _, effect := range rule.effects {
			at := slices.IndexFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == rule.key && t.Effect == effect })
			switch holds := rule.holds(node); {
			case holds && at < 0:
				added := metav1.NewTime(now)
				node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: rule.key, Effect: effect, TimeAdded: &added})
				changed = true
			case !holds && at >= 0:
				node.Spec.Taints = slices.Delete(node.Spec.Taints, at, at+1)
				changed = true
			}
		}
	}
	return changed
}

// expelling are the taints that drive Pods out.
func expelling(node *corev1.Node) []corev1.Taint {
	var taints []corev1.Taint
	for _, taint := range node.Spec.Taints {
		if taint.Effect == corev1.TaintEffectNoExecute {
			taints = append(taints, taint)
		}
	}
	return taints
}

// forLoss is whether a taint is there because the node is not ready.
func forLoss(taint corev1.Taint) bool {
	return taint.Key == corev1.TaintNodeNotReady || taint.Key == corev1.TaintNodeUnreachable
}
