package deployment

import appsv1 "k8s.io/api/apps/v1"

// roll takes the next step of a rolling update, the first of these that there is: new up, old down, forget.
func (r *rollout) roll() {
	if r.new == nil {
		r.makeNew(max(0, min(r.bounds.desired, r.bounds.most-r.present())))
		return
	}
	r.syncNew()
	if r.newUp() || r.oldDown() {
		return
	}
	r.forget()
}

// newUp scales the new ReplicaSet to what is wanted, as far as there is room for more Pods.
func (r *rollout) newUp() bool {
	size := replicas(r.new)
	missing := r.bounds.desired - size
	if missing > 0 {
		missing = max(0, min(missing, r.bounds.most-r.present()))
	}
	if missing == 0 {
		return false
	}
	r.resize(r.new, size+missing)
	return true
}

// present are the Pods that there are or may be at any moment. A ReplicaSet that was scaled down a moment ago still
// has those it has not deleted: were they not counted, the new ones could come before the old ones go.
func (r *rollout) present() int32 {
	var sum int32
	for _, rs := range r.all() {
		sum += max(replicas(rs), rs.Status.Replicas)
	}
	return sum
}

// oldDown scales old ReplicaSets down, oldest first: those of their Pods that are not available at once, for they
// serve nobody; then available ones, as long as enough are left.
//
// With 10 replicas, surge 3, unavailable 2 (so 13 at most and 8 at least): old 8, all available, new 5, none available,
// leaves 0 to take: 13 − 8 − 5. When 2 of the new ones are available it is 2.
func (r *rollout) oldDown() bool {
	var total, available int32
	for _, rs := range r.all() {
		total += replicas(rs)
		available += availableOf(rs)
	}
	newMissing := replicas(r.new) - availableOf(r.new)
	unhealthy := total - r.bounds.least - newMissing
	healthy := available - r.bounds.least
	changed := false
	for _, rs := range r.old {
		taken := min(unhealthy, replicas(rs)-availableOf(rs))
		if taken > 0 {
			unhealthy -= taken
			r.resize(rs, replicas(rs)-taken)
			changed = true
		}
	}
	for _, rs := range r.old {
		taken := min(healthy, r.size(rs))
		if taken > 0 {
			healthy -= taken
			r.resize(rs, r.size(rs)-taken)
			changed = true
		}
	}
	return changed
}

// availableOf are the available Pods that rs will keep. Its status may be older than its size: of 10 available ones, a
// ReplicaSet scaled to 8 keeps 8, and it deletes those that are not available first.
func availableOf(rs *appsv1.ReplicaSet) int32 {
	return min(rs.Status.AvailableReplicas, replicas(rs))
}
