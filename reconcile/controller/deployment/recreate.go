package deployment

import "k8s.io/apimachinery/pkg/types"

// recreate takes the next step of the strategy that never runs two versions at once: old down, wait until the last old
// Pod is gone (one that is terminating still runs), new up.
func (r *rollout) recreate(running map[types.UID]int) {
	r.syncNew()
	down, left := false, false
	for _, rs := range r.old {
		if replicas(rs) > 0 {
			r.resize(rs, 0)
			down = true
		}
		left = left || rs.Status.Replicas > 0 || running[rs.UID] > 0
	}
	switch {
	case down || left:
	case r.new == nil:
		r.makeNew(r.bounds.desired)
	case replicas(r.new) != r.bounds.desired:
		r.resize(r.new, r.bounds.desired)
	case r.complete(r.counts()):
		r.forget()
	}
}
