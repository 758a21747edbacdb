package deployment

import (
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Annotations of ReplicaSets, and the first of Deployments too.
const (
	// AnnotationRevision numbers the templates of a Deployment in the order they became its newest.
	AnnotationRevision = "deployment.kubernetes.io/revision"
	// AnnotationRevisionHistory are the numbers that a ReplicaSet had before, as "1,3".
	AnnotationRevisionHistory = "deployment.kubernetes.io/revision-history"

	annotationDesired = "deployment.kubernetes.io/desired-replicas"
	annotationMost    = "deployment.kubernetes.io/max-replicas"
	// annotationRollback is written by clients of long ago, and is an order rather than a property.
	annotationRollback = "deprecated.deployment.rollback.to"
)

// notCopied are the annotations of a Deployment that its ReplicaSet does not get. All others it gets, among them
// kubernetes.io/change-cause and coracle.dev/commit.
var notCopied = map[string]bool{
	corev1.LastAppliedConfigAnnotation: true,
	AnnotationRevision:                 true,
	AnnotationRevisionHistory:          true,
	annotationDesired:                  true,
	annotationMost:                     true,
	annotationRollback:                 true,
}

// historyBytes bounds the list of former revisions; the oldest are dropped.
const historyBytes = 2000

// syncNew brings the new ReplicaSet, if there is one, up to the Deployment: annotations, the highest revision,
// minReadySeconds.
func (r *rollout) syncNew() {
	if r.new == nil {
		return
	}
	is := r.edit(r.new)
	copyAnnotations(is.Annotations, r.Annotations)
	is.Spec.MinReadySeconds = r.Spec.MinReadySeconds
	had, next := revisionOf(r.new), r.nextRevision()
	if had >= next {
		return
	}
	r.found = true
	if had > 0 {
		is.Annotations[AnnotationRevisionHistory] = history(is.Annotations[AnnotationRevisionHistory], had)
	}
	is.Annotations[AnnotationRevision] = strconv.FormatInt(next, 10)
}

// revision is that of the new ReplicaSet after the plan; while there is none, the Deployment keeps the one it has.
func (r *rollout) revision() string {
	switch {
	case r.create != nil:
		return r.create.Annotations[AnnotationRevision]
	case r.new != nil && r.DeletionTimestamp == nil:
		return r.after(r.new).Annotations[AnnotationRevision]
	}
	return r.Annotations[AnnotationRevision]
}

// nextRevision is above those of all old ReplicaSets.
func (r *rollout) nextRevision() int64 {
	var highest int64
	for _, rs := range r.old {
		highest = max(highest, revisionOf(rs))
	}
	return highest + 1
}

// revisionOf is 0 where it is missing or no number.
func revisionOf(rs *appsv1.ReplicaSet) int64 {
	n, err := strconv.ParseInt(rs.Annotations[AnnotationRevision], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// history appends a revision to those that were before.
func history(before string, revision int64) string {
	list := strconv.FormatInt(revision, 10)
	if before != "" {
		list = before + "," + list
	}
	for len(list) > historyBytes {
		_, list, _ = strings.Cut(list, ",")
	}
	return list
}

// copyAnnotations adds and replaces, and removes nothing: what others put on the ReplicaSet stays.
func copyAnnotations(to, from map[string]string) {
	for key, value := range from {
		if !notCopied[key] {
			to[key] = value
		}
	}
}
