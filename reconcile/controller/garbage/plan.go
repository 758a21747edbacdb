package garbage

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Standing is what is known of an owner.
type Standing int

const (
	Solid        Standing = iota // it exists
	Leaving                      // it exists, and waits for its dependents to go
	Absent                       // there is none
	Unseen                       // no watch has shown it: ask
	Unverifiable                 // its kind is not served, or is not one that this object can refer to
)

// Plan is what to do with one object. The zero value is nothing.
type Plan struct {
	// Delete it, in this way; "" is not at all.
	Delete metav1.DeletionPropagation
	// Drop its references to these owners. In order of the references.
	Drop []types.UID
	// Unblock these owners first: they no longer wait for it. What follows is decided on what that leaves.
	Unblock []types.UID
	// Orphan these dependents: drop their references to it. In order of namespace, kind and name.
	Orphan []Ref
	// Release it: take this finalizer away, after the rest.
	Release string
}

// PlanObject decides about one object, given the standing of each of its owners, in the same order, and its dependents.
func PlanObject(object *Object, standings []Standing, dependents []*Object) Plan {
	switch {
	case object.Deleting && object.Orphan:
		return Plan{Orphan: sorted(dependents), Release: metav1.FinalizerOrphanDependents}
	case object.Deleting && object.Foreground:
		if slices.ContainsFunc(dependents, func(d *Object) bool { return blocks(d, object.UID) }) {
			return Plan{}
		}
		return Plan{Release: metav1.FinalizerDeleteDependents}
	case object.Deleting || len(object.Owners) == 0 || slices.Contains(standings, Unverifiable) || slices.Contains(standings, Unseen):
		return Plan{}
	case slices.Contains(standings, Solid):
		return Plan{Drop: ownersThat(object, standings, func(_ Owner, s Standing) bool { return s != Solid })}
	case slices.Contains(standings, Leaving) && len(dependents) > 0:
		plan := Plan{Delete: metav1.DeletePropagationForeground}
		if slices.ContainsFunc(dependents, (*Object).leavingForeground) {
			// A circle: one of those that this object would wait for may be waiting for it.
			plan.Unblock = ownersThat(object, standings, func(o Owner, s Standing) bool { return s == Leaving && o.Blocks })
		}
		return plan
	}
	return Plan{Delete: policyOf(object)}
}

// policyOf is the way that the object's own finalizers ask for.
func policyOf(object *Object) metav1.DeletionPropagation {
	switch {
	case object.Orphan:
		return metav1.DeletePropagationOrphan
	case object.Foreground:
		return metav1.DeletePropagationForeground
	}
	return metav1.DeletePropagationBackground
}

// blocks is whether the owner waits for this dependent.
func blocks(dependent *Object, owner types.UID) bool {
	return slices.ContainsFunc(dependent.Owners, func(o Owner) bool { return o.UID == owner && o.Blocks })
}

func ownersThat(object *Object, standings []Standing, is func(Owner, Standing) bool) []types.UID {
	var uids []types.UID
	for i, owner := range object.Owners {
		if is(owner, standings[i]) {
			uids = append(uids, owner.UID)
		}
	}
	return uids
}

func sorted(objects []*Object) []Ref {
	list := make([]Ref, 0, len(objects))
	for _, object := range objects {
		list = append(list, object.Ref)
	}
	slices.SortFunc(list, func(a, b Ref) int {
		return cmp.Or(
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind.String(), b.Kind.String()),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID),
		)
	})
	return list
}
