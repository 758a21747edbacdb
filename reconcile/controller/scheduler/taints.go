package scheduler

import (
	corev1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
)

var (
	cordoned = []Reason{{Text: "node(s) were unschedulable", Cause: CauseNode, Final: true}}
	tainted  = []Reason{{Text: "node(s) had untolerated taint(s)", Cause: CauseNode, Final: true}}

	cordonTaint = corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}
)

// checkCordon keeps Pods off nodes that `kubectl cordon` marked, but for those that tolerate the taint that stands
// for the mark.
func checkCordon(_ *State, p *Pod) check {
	if tolerates(p.spec.Tolerations, &cordonTaint) {
		return nil
	}
	return func(n *Node) []Reason {
		if n.Object.Spec.Unschedulable {
			return cordoned
		}
		return nil
	}
}

// checkTaints keeps Pods off nodes with a NoSchedule or NoExecute taint that they do not tolerate.
func checkTaints(_ *State, p *Pod) check {
	return func(n *Node) []Reason {
		for i := range n.Object.Spec.Taints {
			taint := &n.Object.Spec.Taints[i]
			if taint.Effect != corev1.TaintEffectPreferNoSchedule && !tolerates(p.spec.Tolerations, taint) {
				return tainted
			}
		}
		return nil
	}
}

// countDisliked counts the PreferNoSchedule taints that the Pod does not tolerate.
func countDisliked(_ *State, p *Pod, _ []*Node) raw {
	return func(n *Node) int64 {
		var count int64
		for i := range n.Object.Spec.Taints {
			taint := &n.Object.Spec.Taints[i]
			if taint.Effect == corev1.TaintEffectPreferNoSchedule && !tolerates(p.spec.Tolerations, taint) {
				count++
			}
		}
		return count
	}
}

// tolerates knows the operators Equal and Exists. Lt and Gt are alpha upstream, and tolerate nothing here.
func tolerates(tolerations []corev1.Toleration, taint *corev1.Taint) bool {
	return corev1helpers.TolerationsTolerateTaint(klog.Background(), tolerations, taint, false)
}
