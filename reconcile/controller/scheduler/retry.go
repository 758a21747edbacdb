package scheduler

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

const (
	allCauses = CauseNode | CauseResources | CausePorts | CauseAffinity | CauseAntiAffinity | CauseSpread
	// arrivalHelps is what a Pod that comes to a node may remove for others, departureHelps what one that leaves may.
	arrivalHelps   = CauseAffinity | CauseSpread
	departureHelps = CauseResources | CausePorts | CauseAntiAffinity | CauseSpread
	// namespaceHelps is what a change of a namespace's labels may remove.
	namespaceHelps = CauseAffinity | CauseAntiAffinity
)

// nodeChangeHelps says which causes a change of a node may remove: old is nil for one that is new, updated for one
// that is gone.
func nodeChangeHelps(old, updated *corev1.Node) Cause {
	switch {
	case old == nil:
		return allCauses
	case updated == nil:
		return CauseSpread // the emptiest place may have been there
	}
	var helped Cause
	if !maps.Equal(old.Labels, updated.Labels) {
		helped |= CauseNode | CauseAffinity | CauseAntiAffinity | CauseSpread
	}
	if old.Spec.Unschedulable != updated.Spec.Unschedulable || !slices.EqualFunc(old.Spec.Taints, updated.Spec.Taints, sameTaint) {
		helped |= CauseNode | CauseSpread
	}
	if !equality.Semantic.DeepEqual(old.Status.Allocatable, updated.Status.Allocatable) {
		helped |= CauseResources
	}
	return helped
}

// podChangeHelps says which causes a change of a Pod on a node may remove for others.
func podChangeHelps(old, updated *corev1.Pod) Cause {
	var helped Cause
	if !maps.Equal(old.Labels, updated.Labels) {
		helped |= CauseAffinity | CauseAntiAffinity | CauseSpread
	}
	if old.DeletionTimestamp == nil && updated.DeletionTimestamp != nil {
		helped |= CauseSpread
	}
	if !slices.EqualFunc(old.Spec.Containers, updated.Spec.Containers, sameRequests) {
		helped |= CauseResources // resized in place
	}
	return helped
}

func sameRequests(a, b corev1.Container) bool {
	return equality.Semantic.DeepEqual(a.Resources.Requests, b.Resources.Requests)
}

func sameTaint(a, b corev1.Taint) bool {
	return a.Key == b.Key && a.Value == b.Value && a.Effect == b.Effect
}
