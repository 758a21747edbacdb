package deployment

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/rand"
)

// Hash is the pod-template-hash: of the template, and of the number of collisions so far if there were any. It is up to
// 10 characters of the alphabet of generated names.
//
// It is taken over the template's JSON, which has sorted keys and leaves out what is unset, so that a release that
// knows more fields gives the same hash to a template that does not use them. Where it would differ all the same
// nothing is rolled: a ReplicaSet is found by its template, see sameTemplate; the hash only names new ones.
func Hash(template *corev1.PodTemplateSpec, collisions int32) (string, error) {
	dump, err := json.Marshal(template)
	if err != nil {
		return "", fmt.Errorf("hash pod template: %w", err)
	}
	hash := fnv.New32a()
	hash.Write(dump) // never fails
	if collisions > 0 {
		hash.Write([]byte(strconv.Itoa(int(collisions))))
	}
	return rand.SafeEncodeString(strconv.FormatUint(uint64(hash.Sum32()), 10)), nil
}

// sameTemplate is whether two templates make the same Pods. The hash label is left out: a ReplicaSet's template has it, a
// Deployment's does not.
func sameTemplate(a, b *corev1.PodTemplateSpec) bool {
	left, right := a.ObjectMeta, b.ObjectMeta
	left.Labels, right.Labels = withoutHash(left.Labels), withoutHash(right.Labels)
	return apiequality.Semantic.DeepEqual(left, right) && apiequality.Semantic.DeepEqual(a.Spec, b.Spec)
}

func withoutHash(labels map[string]string) map[string]string {
	if _, has := labels[appsv1.DefaultDeploymentUniqueLabelKey]; !has {
		return labels
	}
	rest := maps.Clone(labels)
	delete(rest, appsv1.DefaultDeploymentUniqueLabelKey)
	return rest
}
