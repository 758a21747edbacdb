package api

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var resourceQuota = Of[*corev1.ResourceQuota]{
	Version: "v1", Kind: "ResourceQuota", Resource: "resourcequotas", Singular: "resourcequota",
	ShortNames: []string{"quota"}, Namespaced: true,
	New:                    func() *corev1.ResourceQuota { return &corev1.ResourceQuota{} },
	NewList:                func() runtime.Object { return &corev1.ResourceQuotaList{} },
	PrepareForCreate:       func(q *corev1.ResourceQuota) { q.Status = corev1.ResourceQuotaStatus{} },
	PrepareForUpdate:       func(q, old *corev1.ResourceQuota) { q.Status = old.Status },
	PrepareForStatusUpdate: func(q, old *corev1.ResourceQuota) { q.Spec = old.Spec },
	Validate:               validateResourceQuota,
	ValidateUpdate:         validateResourceQuotaUpdate,
	ValidateStatusUpdate:   func(q, _ *corev1.ResourceQuota) field.ErrorList { return validateQuotaStatus(q.Status) },
	Warnings:               resourceQuotaWarnings,
	Columns: []metav1.TableColumnDefinition{
		nameColumn,
		column("Request", "string", "What is used of each amount, and its bound; of requests and counts."),
		column("Limit", "string", "What is used of each amount, and its bound; of limits."),
		ageColumn,
	},
	Row: func(q *corev1.ResourceQuota, now time.Time) []any {
		requests, limits := quotaUsage(q)
		return []any{q.Name, requests, limits, age(q.CreationTimestamp, now)}
	},
}

// resourceQuotaWarnings tell of amounts that nothing here can use.
func resourceQuotaWarnings(q *corev1.ResourceQuota) []string {
	var warnings []string
	for _, name := range sortedKeys(q.Spec.Hard) {
		if name == corev1.ResourcePersistentVolumeClaims || name == corev1.ResourceRequestsStorage || strings.Contains(string(name), ".storageclass.storage.k8s.io/") {
			warnings = append(warnings, fmt.Sprintf("spec.hard[%s]: there are no persistent volume claims here, so nothing is bounded by this", name))
		}
	}
	return warnings
}

// quotaUsage is "pods: 1/3, requests.cpu: 100m/1" and the same for what begins with "limits.".
func quotaUsage(q *corev1.ResourceQuota) (requests, limits string) {
	var of struct{ requests, limits []string }
	for _, name := range sortedKeys(q.Status.Hard) {
		used, hard := q.Status.Used[name], q.Status.Hard[name]
		entry := fmt.Sprintf("%s: %s/%s", name, used.String(), hard.String())
		if strings.HasPrefix(string(name), "limits.") {
			of.limits = append(of.limits, entry)
		} else {
			of.requests = append(of.requests, entry)
		}
	}
	return strings.Join(of.requests, ", "), strings.Join(of.limits, ", ")
}
