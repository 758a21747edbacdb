package deployment

import (
	"cmp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
)

// rescale follows a change of the Deployment's replicas, before anything else is done. It is false if there is none
// to follow.
func (r *rollout) rescale() bool {
	active := r.active()
	only := r.only(active)
	switch {
	case only != nil && (r.Spec.Paused || r.rescaled(active)):
		if replicas(only) >= r.bounds.desired || !r.settling() {
			r.resize(only, r.bounds.desired)
		}
	case only != nil || !r.rescaled(active):
		return false
	case r.saturated():
		for _, rs := range r.old {
			if replicas(rs) > 0 {
				r.resize(rs, 0)
			}
		}
		r.resize(r.new, r.bounds.desired)
	case r.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
		return false
	default:
		r.spread(active)
	}
	return true
}

// active are the ReplicaSets that are to have Pods.
func (r *rollout) active() []*appsv1.ReplicaSet {
	return slices.DeleteFunc(slices.Clone(r.all()), func(rs *appsv1.ReplicaSet) bool { return replicas(rs) == 0 })
}

// only is the one ReplicaSet that a change of size is for, unless a rollout is under way between several: the
// active one, or if none is, the newest.
func (r *rollout) only(active []*appsv1.ReplicaSet) *appsv1.ReplicaSet {
	switch {
	case len(active) == 1:
		return active[0]
	case len(active) > 1:
		return nil
	case r.new != nil:
		return r.new
	case len(r.old) > 0:
		return r.old[len(r.old)-1]
	}
	return nil
}

// rescaled is whether some ReplicaSet was last sized for another number of replicas.
func (r *rollout) rescaled(active []*appsv1.ReplicaSet) bool {
	return slices.ContainsFunc(active, func(rs *appsv1.ReplicaSet) bool {
		desired, ok := noted(rs, annotationDesired)
		return ok && desired != r.bounds.desired
	})
}

// saturated is whether the new ReplicaSet alone is all that is wanted.
func (r *rollout) saturated() bool {
	return r.new != nil && replicas(r.new) == r.bounds.desired && r.new.Status.AvailableReplicas == r.bounds.desired
}

// settling is whether Pods that are to go are still there. Adding others then could make too many.
func (r *rollout) settling() bool {
	return slices.ContainsFunc(r.all(), func(rs *appsv1.ReplicaSet) bool { return rs.Status.Replicas > replicas(rs) })
}

// spread shares the difference among the active ReplicaSets in proportion to their size, so that a rollout's risk stays
// what it was. What rounding leaves over goes to the largest.
//
// Old 8 and new 5 of 10 and surge 3, scaled to 15: the most is 18 now, was 13; 5 are to be added; old gets 3 (8·18/13 ≈ 11),
// new 2 (5·18/13 ≈ 7).
func (r *rollout) spread(active []*appsv1.ReplicaSet) {
	var total int32
	for _, rs := range active {
		total += replicas(rs)
	}
	allowed := r.bounds.most
	if r.bounds.desired == 0 {
		allowed = 0
	}
	toAdd := allowed - total
	if toAdd > 0 && r.settling() {
		return
	}
	slices.SortFunc(active, func(a, b *appsv1.ReplicaSet) int { return largestFirst(a, b, toAdd > 0) })
	sizes := make([]int32, len(active))
	left := toAdd
	for i, rs := range active {
		share := r.share(rs)
		if toAdd > 0 {
			share = max(0, min(share, left))
		} else {
			share = min(0, max(share, left))
		}
		sizes[i] = replicas(rs) + share
		left -= share
	}
	for i, rs := range active {
		if i == 0 {
			sizes[i] = max(0, sizes[i]+left)
		}
		r.resize(rs, sizes[i])
	}
}

// largestFirst orders by size; among equals the newer first if Pods are to be added, else the older.
func largestFirst(a, b *appsv1.ReplicaSet, adding bool) int {
	age := a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	if adding {
		age = -age
	}
	return cmp.Or(cmp.Compare(replicas(b), replicas(a)), age, strings.Compare(a.Name, b.Name))
}

// share is how many Pods more rs would have if it kept its part of the whole; negative is fewer.
func (r *rollout) share(rs *appsv1.ReplicaSet) int32 {
	if r.bounds.desired == 0 {
		return -replicas(rs)
	}
	before, ok := noted(rs, annotationMost)
	if !ok || before <= 0 {
		if before = r.Status.Replicas; before <= 0 {
			return 0
		}
	}
	// Rounded half up, in 64 bits: sizes are up to 2³¹.
	scaled := (2*int64(replicas(rs))*int64(r.bounds.most) + int64(before)) / (2 * int64(before))
	return int32(scaled - int64(replicas(rs)))
}
