package replicaset

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/reconcile/controller"
)

// newPod is a Pod of the ReplicaSet's template. The API server completes its name. It shares memory with the template:
// clients do not change what they are given.
func newPod(rs *appsv1.ReplicaSet, owner metav1.OwnerReference) *corev1.Pod {
	template := &rs.Spec.Template
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       rs.Namespace,
			GenerateName:    rs.Name + "-",
			Labels:          template.Labels,
			Annotations:     maps.Clone(template.Annotations),
			Finalizers:      template.Finalizers,
			OwnerReferences: []metav1.OwnerReference{owner},
		},
		Spec: template.Spec,
	}
	if commit, ok := rs.Annotations[controller.AnnotationCommit]; ok {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, controller.AnnotationCommit, commit)
	}
	return pod
}
