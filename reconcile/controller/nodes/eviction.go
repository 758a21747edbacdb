package nodes

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// PodPlan is what to do with a Pod. The zero value is nothing.
type PodPlan struct {
	// Delete it, with its grace period, or with Force at once: nobody is there to confirm.
	Delete, Force bool
	// Reason and Message of the condition DisruptionTarget that says why.
	Reason, Message string
	// After is when to look again if nothing happens; 0 is not at all.
	After time.Duration
}

// Surroundings are what a decision about a Pod depends on.
type Surroundings struct {
	Node *corev1.Node // nil if it does not exist
	// Gone is since when it does not, and Quarantine how long its Pods are kept nevertheless: it may register again.
	Gone       time.Time
	Quarantine time.Duration
	// Tainted is since when each of its NoExecute taints has been seen, by taintKey.
	Tainted map[string]time.Time
	// Held means that no node at all is ready. Since is when that ended last: time before it does not count.
	Held  bool
	Since time.Time
}

// taintKey tells one taint from another.
func taintKey(t corev1.Taint) string { return t.Key + "=" + t.Value }

// PlanPod decides whether a Pod that is bound to a node must leave it.
func PlanPod(pod *corev1.Pod, s Surroundings, now time.Time) PodPlan {
	switch {
	case s.Node == nil:
		if wait := s.Gone.Add(s.Quarantine).Sub(now); wait > 0 {
			return PodPlan{After: wait}
		}
		return PodPlan{Delete: true, Force: true, Reason: "DeletionByPodGC", Message: "PodGC: node no longer exists"}
	case pod.DeletionTimestamp != nil:
		if outOfService(s.Node) {
			return PodPlan{Delete: true, Force: true, Reason: "DeletionByPodGC", Message: "PodGC: node is out of service"}
		}
		return PodPlan{}
	}
	deadline, leaves := deadline(pod, s)
	switch wait := deadline.Sub(now); {
	case !leaves:
		return PodPlan{}
	case wait > 0:
		return PodPlan{After: wait}
	}
	return PodPlan{Delete: true, Reason: "DeletionByTaintManager", Message: "Taint manager: deleting due to NoExecute taint"}
}

// deadline is when the first of the node's taints drives the Pod out, if one does.
func deadline(pod *corev1.Pod, s Surroundings) (first time.Time, leaves bool) {
	for _, taint := range expelling(s.Node) {
		from, seen := s.Tainted[taintKey(taint)]
		if !seen || s.Held && forLoss(taint) {
			continue // not yet, and then again when that changes
		}
		if forLoss(taint) && s.Since.After(from) {
			from = s.Since
		}
		until, ends := tolerated(pod, taint, from)
		if ends && (!leaves || until.Before(first)) {
			first, leaves = until, true
		}
	}
	return first, leaves
}

// tolerated is until when the Pod bears a taint that is there from a time on, if that ends. The first toleration that matches
// counts, as upstream has it; one without seconds is for ever, none at all is not for a moment.
func tolerated(pod *corev1.Pod, taint corev1.Taint, from time.Time) (until time.Time, ends bool) {
	at := slices.IndexFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool {
		return t.ToleratesTaint(klog.Background(), &taint, false)
	})
	if at < 0 {
		return from, true
	}
	seconds := pod.Spec.Tolerations[at].TolerationSeconds
	if seconds == nil {
		return time.Time{}, false
	}
	return from.Add(time.Duration(max(*seconds, 0)) * time.Second), true
}

// outOfService is whether somebody has vouched, by a taint, that a node that is not ready is switched off.
func outOfService(node *corev1.Node) bool {
	return status(node, corev1.NodeReady) != corev1.ConditionTrue &&
		slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeOutOfService })
}
