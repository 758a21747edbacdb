package nodes

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NodePlan is what to write of a node. The zero value is nothing.
type NodePlan struct {
	// Node as it should be, if its Status or its Spec should be written.
	Node         *corev1.Node
	Status, Spec bool
	// Lost means that its Pods are to be marked not ready.
	Lost bool
	// Expels means that it takes its turn to be emptied.
	Expels bool
	// After is when to look again if nothing happens; 0 is not at all.
	After time.Duration
}

// conditions of a node that say nothing any more once it is silent.
var reported = []corev1.NodeConditionType{
	corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure,
}

// PlanNode decides what becomes of a node that was heard last at that time. A node that is silent for the grace period is
// Unknown; its taints follow from its conditions and from whether it is cordoned. The one that drives Pods out of a node
// that is not ready has to wait for its turn.
func PlanNode(node *corev1.Node, heard, now time.Time, grace time.Duration, pace Pace) NodePlan {
	wanted := node.DeepCopy()
	var plan NodePlan
	silent := now.Sub(heard)
	if plan.Lost = silent >= grace; plan.Lost {
		plan.Status = setUnknown(wanted, now)
	} else {
		plan.After = grace - silent
	}
	plan.Spec = setTaints(wanted, now)
	// Unknown without silence is what was said of it before this process began, or before all nodes fell silent at once.
	may := plan.Lost || status(wanted, corev1.NodeReady) != corev1.ConditionUnknown
	expelled, changed := expel(wanted, now, pace, may)
	plan.Expels, plan.Spec = expelled, plan.Spec || changed
	if wait := pace.Turn.Sub(now); wait > 0 && may && lostAs(wanted) != "" && !pace.Never && !pace.Held && !isExpelled(wanted) && (plan.After == 0 || wait < plan.After) {
		plan.After = wait
	}
	if plan.Status || plan.Spec {
		plan.Node = wanted
	}
	return plan
}

// setUnknown makes all conditions that the node reports Unknown, and says whether one was not.
func setUnknown(node *corev1.Node, now time.Time) (changed bool) {
	for _, kind := range reported {
		at := slices.IndexFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == kind })
		if at < 0 {
			node.Status.Conditions = append(node.Status.Conditions, corev1.NodeCondition{
				Type: kind, Status: corev1.ConditionUnknown, Reason: "NodeStatusNeverUpdated", Message: "Kubelet never posted node status.",
				LastHeartbeatTime: node.CreationTimestamp, LastTransitionTime: metav1.NewTime(now),
			})
			changed = true
			continue
		}
		if c := &node.Status.Conditions[at]; c.Status != corev1.ConditionUnknown {
			c.Status, c.Reason, c.Message = corev1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status."
			c.LastTransitionTime = metav1.NewTime(now)
			changed = true
		}
	}
	return changed
}

// status of a condition; "" if the node does not have it.
func status(node *corev1.Node, kind corev1.NodeConditionType) corev1.ConditionStatus {
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == kind {
			return node.Status.Conditions[i].Status
		}
	}
	return ""
}
