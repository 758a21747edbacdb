package deployment

import (
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
)

// Observed is what a Deployment has.
type Observed struct {
	// ReplicaSets are those that it controls, in any order.
	ReplicaSets []*appsv1.ReplicaSet
	// Running is how many Pods each ReplicaSet has, by its UID, that have not finished; those being deleted count,
	// for they still run. Only the strategy Recreate needs it.
	Running map[types.UID]int
}

// Plan is the next step of a Deployment. Its parts are carried out in the order of the fields; if one fails, the later
// ones are left for the next plan.
type Plan struct {
	Create *appsv1.ReplicaSet   // as it is to be written; nil is none
	Change []Change             // in the order of their events
	Delete []*appsv1.ReplicaSet // old, empty, and beyond revisionHistoryLimit
	// Revision is the value of the Deployment's revision annotation.
	Revision string
	Status   appsv1.DeploymentStatus
	// After is when to decide again, if nothing happens before: the progress deadline. 0 is never.
	After time.Duration
}

// Change is a ReplicaSet as it is to be written. From and To are its replicas before and after; they are equal if
// something else changes.
type Change struct {
	ReplicaSet *appsv1.ReplicaSet
	From, To   int32
}

// Decide takes the next step. It changes nothing that it is given.
func Decide(d *appsv1.Deployment, observed Observed, now time.Time) Plan {
	r := begin(d, observed, now)
	switch {
	case d.DeletionTimestamp != nil: // only the status: the rest is for the garbage collector
	case d.Spec.Paused:
		r.syncNew()
		r.rescale()
		r.forget()
	case r.rescale():
		r.syncNew()
	case d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
		r.recreate(observed.Running)
	default:
		r.roll()
	}
	return r.finish()
}

// rollout is a Plan in the making.
type rollout struct {
	*appsv1.Deployment
	bounds bounds
	new    *appsv1.ReplicaSet   // has the newest template; nil if there is none yet
	old    []*appsv1.ReplicaSet // all others, oldest first
	now    time.Time

	create  *appsv1.ReplicaSet
	edits   []*edit // in the order they were begun
	deletes []*appsv1.ReplicaSet
	// found is that a ReplicaSet that was there before has the newest template since now.
	found bool
}

// edit is a ReplicaSet and the copy that the plan makes of it.
type edit struct{ was, is *appsv1.ReplicaSet }

func begin(d *appsv1.Deployment, observed Observed, now time.Time) *rollout {
	r := &rollout{Deployment: d, bounds: boundsOf(d), now: now}
	r.new, r.old = split(d, observed.ReplicaSets)
	return r
}

// all are the existing ReplicaSets, oldest first, the new one last.
func (r *rollout) all() []*appsv1.ReplicaSet {
	if r.new == nil {
		return r.old
	}
	return append(slices.Clip(r.old), r.new)
}

// edit is the copy of rs to change; its annotations may be written.
func (r *rollout) edit(rs *appsv1.ReplicaSet) *appsv1.ReplicaSet {
	if is := r.after(rs); is != rs {
		return is
	}
	is := *rs
	if is.Annotations = maps.Clone(rs.Annotations); is.Annotations == nil {
		is.Annotations = map[string]string{}
	}
	r.edits = append(r.edits, &edit{was: rs, is: &is})
	return &is
}

// after is rs as the plan leaves it.
func (r *rollout) after(rs *appsv1.ReplicaSet) *appsv1.ReplicaSet {
	for _, e := range r.edits {
		if e.was == rs {
			return e.is
		}
	}
	return rs
}

// size is what rs is to have after the plan.
func (r *rollout) size(rs *appsv1.ReplicaSet) int32 { return replicas(r.after(rs)) }

// resize gives rs a size, and the annotations that tell a later plan which size the Deployment had then.
func (r *rollout) resize(rs *appsv1.ReplicaSet, size int32) {
	is := r.edit(rs)
	is.Spec.Replicas = &size
	r.bounds.annotate(is.Annotations)
}

func (r *rollout) finish() Plan {
	plan := Plan{Create: r.create, Delete: r.deletes, Revision: r.revision()}
	for _, e := range r.edits {
		if !apiequality.Semantic.DeepEqual(e.was.ObjectMeta, e.is.ObjectMeta) ||
			replicas(e.was) != replicas(e.is) || e.was.Spec.MinReadySeconds != e.is.Spec.MinReadySeconds {
			plan.Change = append(plan.Change, Change{e.is, replicas(e.was), replicas(e.is)})
		}
	}
	plan.Status = r.status()
	plan.After = r.deadline(plan.Status)
	return plan
}

// replicas is the size that rs is to have; unset is 1, as the API defaults it.
func replicas(rs *appsv1.ReplicaSet) int32 { return orOne(rs.Spec.Replicas) }

func orOne(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}
