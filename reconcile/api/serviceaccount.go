package api

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

var serviceAccount = Of[*corev1.ServiceAccount]{
	Version: "v1", Kind: "ServiceAccount", Resource: "serviceaccounts", Singular: "serviceaccount",
	ShortNames: []string{"sa"}, Namespaced: true,
	New:              func() *corev1.ServiceAccount { return &corev1.ServiceAccount{} },
	NewList:          func() runtime.Object { return &corev1.ServiceAccountList{} },
	PrepareForCreate: keepSecretNames,
	PrepareForUpdate: func(a, _ *corev1.ServiceAccount) { keepSecretNames(a) },
	// No count of secrets: Kubernetes dropped it, since nothing fills them any more.
	Columns: []metav1.TableColumnDefinition{nameColumn, ageColumn},
	Row: func(a *corev1.ServiceAccount, now time.Time) []any {
		return []any{a.Name, age(a.CreationTimestamp, now)}
	},
}

// keepSecretNames drops all of a reference to a Secret but its name: it can only be one in the same namespace.
func keepSecretNames(a *corev1.ServiceAccount) {
	for i := range a.Secrets {
		a.Secrets[i] = corev1.ObjectReference{Name: a.Secrets[i].Name}
	}
}
