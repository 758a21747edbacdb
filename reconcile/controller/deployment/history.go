package deployment

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
)

// forget deletes the old ReplicaSets beyond revisionHistoryLimit, lowest revision first. Only those that are empty, and
// have said so, count and go.
func (r *rollout) forget() {
	if r.Spec.RevisionHistoryLimit == nil {
		return
	}
	empty := slices.DeleteFunc(slices.Clone(r.old), func(rs *appsv1.ReplicaSet) bool {
		return r.size(rs) > 0 || replicas(rs) > 0 || rs.Status.Replicas > 0 ||
			rs.Status.ObservedGeneration < rs.Generation || rs.DeletionTimestamp != nil
	})
	slices.SortFunc(empty, func(a, b *appsv1.ReplicaSet) int {
		return cmp.Or(cmp.Compare(revisionOf(a), revisionOf(b)), older(a, b))
	})
	surplus := len(empty) - int(*r.Spec.RevisionHistoryLimit)
	r.deletes = empty[:max(0, surplus)]
}
