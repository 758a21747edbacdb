package deployment

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// split finds the ReplicaSet that has the Deployment's template, the oldest if there are several; nil if none has. The
// others are ordered oldest first, whatever order they came in.
func split(d *appsv1.Deployment, sets []*appsv1.ReplicaSet) (newest *appsv1.ReplicaSet, old []*appsv1.ReplicaSet) {
	sorted := slices.SortedFunc(slices.Values(sets), older)
	for _, rs := range sorted {
		if newest == nil && sameTemplate(&rs.Spec.Template, &d.Spec.Template) {
			newest = rs
		} else {
			old = append(old, rs)
		}
	}
	return newest, old
}

func older(a, b *appsv1.ReplicaSet) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
}

// makeNew plans the ReplicaSet of the newest template, of the given size.
func (r *rollout) makeNew(size int32) {
	collisions := int32(0)
	if r.Status.CollisionCount != nil {
		collisions = *r.Status.CollisionCount
	}
	hash, err := Hash(&r.Spec.Template, collisions)
	if err != nil {
		panic(err) // a template that came from the API can be encoded
	}
	r.create = newReplicaSet(r.Deployment, hash, size)
	r.create.Annotations[AnnotationRevision] = strconv.FormatInt(r.nextRevision(), 10)
	r.bounds.annotate(r.create.Annotations)
}

func newReplicaSet(d *appsv1.Deployment, hash string, size int32) *appsv1.ReplicaSet {
	template := d.Spec.Template
	template.Labels = withHash(template.Labels, hash)
	selector := *d.Spec.Selector
	selector.MatchLabels = withHash(selector.MatchLabels, hash)
	annotations := map[string]string{}
	copyAnnotations(annotations, d.Annotations)
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       d.Namespace,
			Name:            d.Name + "-" + hash,
			Labels:          template.Labels,
			Annotations:     annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, kind)},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas:        &size,
			MinReadySeconds: d.Spec.MinReadySeconds,
			Selector:        &selector,
			Template:        template,
		},
	}
}

func withHash(labels map[string]string, hash string) map[string]string {
	with := maps.Clone(labels)
	if with == nil {
		with = map[string]string{}
	}
	with[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	return with
}

// kind is how a ReplicaSet names its Deployment.
var kind = appsv1.SchemeGroupVersion.WithKind("Deployment")
