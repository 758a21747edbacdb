package nodes

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rule says when a node has a taint.
type rule struct {
	key   string
	holds func(node *corev1.Node) bool
}

// rules of the NoSchedule taints that follow from a node's state; where they do not hold, these are taken away.
var rules = []rule{
	{corev1.TaintNodeNotReady, is(corev1.NodeReady, corev1.ConditionFalse)},
	{corev1.TaintNodeUnreachable, is(corev1.NodeReady, corev1.ConditionUnknown)},
	{corev1.TaintNodeMemoryPressure, is(corev1.NodeMemoryPressure, corev1.ConditionTrue)},
	{corev1.TaintNodeDiskPressure, is(corev1.NodeDiskPressure, corev1.ConditionTrue)},
	{corev1.TaintNodePIDPressure, is(corev1.NodePIDPressure, corev1.ConditionTrue)},
	{corev1.TaintNodeNetworkUnavailable, is(corev1.NodeNetworkUnavailable, corev1.ConditionTrue)},
	{corev1.TaintNodeUnschedulable, func(node *corev1.Node) bool { return node.Spec.Unschedulable }},
}

func is(kind corev1.NodeConditionType, wanted corev1.ConditionStatus) func(*corev1.Node) bool {
	return func(node *corev1.Node) bool { return status(node, kind) == wanted }
}

// setTaints brings the taints of the rules in line, leaves all others alone, and says whether anything changed.
func setTaints(node *corev1.Node, now time.Time) (changed bool) {
	for _, rule := range rules {
		changed = setTaint(node, rule.key, corev1.TaintEffectNoSchedule, rule.holds(node), now) || changed
	}
	return changed
}

// setTaint has a node have a taint, or not, and says whether that is a change.
func setTaint(node *corev1.Node, key string, effect corev1.TaintEffect, wanted bool, now time.Time) (changed bool) {
	at := slices.IndexFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == key && t.Effect == effect })
	switch {
	case wanted && at < 0:
		added := metav1.NewTime(now)
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: key, Effect: effect, TimeAdded: &added})
		return true
	case !wanted && at >= 0:
		node.Spec.Taints = slices.Delete(node.Spec.Taints, at, at+1)
		return true
	}
	return false
}

// lostAs is the key of the taints of a node that is not ready; "" for one that is, or has not said yet.
func lostAs(node *corev1.Node) string {
	switch status(node, corev1.NodeReady) {
	case corev1.ConditionFalse:
		return corev1.TaintNodeNotReady
	case corev1.ConditionUnknown:
		return corev1.TaintNodeUnreachable
	}
	return ""
}

// isExpelled is whether a taint drives Pods out because the node is not ready.
func isExpelled(node *corev1.Node) bool { return slices.ContainsFunc(expelling(node), forLoss) }

// expel brings the taint in line by which Pods are driven out of a node that is not ready. One that has it keeps it while it is not;
// one that has not gets it when it may and when it is its turn, which it then takes.
func expel(node *corev1.Node, now time.Time, pace Pace, may bool) (expelled, changed bool) {
	key, had := lostAs(node), isExpelled(node)
	turn := may && !pace.Never && !now.Before(pace.Turn)
	wanted := key != "" && !pace.Held && (had || turn)
	for _, one := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		changed = setTaint(node, one, corev1.TaintEffectNoExecute, wanted && one == key, now) || changed
	}
	return wanted && !had, changed
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
