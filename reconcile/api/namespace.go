package api

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var namespace = Of[*corev1.Namespace]{
	Version: "v1", Kind: "Namespace", Resource: "namespaces", Singular: "namespace",
	ShortNames:             []string{"ns"},
	New:                    func() *corev1.Namespace { return &corev1.Namespace{} },
	NewList:                func() runtime.Object { return &corev1.NamespaceList{} },
	ValidateName:           apivalidation.ValidateNamespaceName,
	Default:                defaultNamespace,
	PrepareForCreate:       prepareNamespaceForCreate,
	PrepareForUpdate:       prepareNamespaceForUpdate,
	PrepareForStatusUpdate: func(n, old *corev1.Namespace) { n.Spec = old.Spec },
	Validate:               validateNamespace,
	ValidateStatusUpdate:   validateNamespaceStatusUpdate,
	Fields: func(n *corev1.Namespace) fields.Set {
		return fields.Set{"status.phase": string(n.Status.Phase)}
	},
	Columns: []metav1.TableColumnDefinition{
		nameColumn, column("Status", "string", "The status of the namespace"), ageColumn,
	},
	Row: func(n *corev1.Namespace, now time.Time) []any {
		return []any{n.Name, string(n.Status.Phase), age(n.CreationTimestamp, now)}
	},
}

// defaultNamespace gives a named namespace the label by which network policies and people select it. One whose name is still
// to be generated gets it in prepareNamespaceForCreate.
func defaultNamespace(n *corev1.Namespace) {
	if n.Name != "" {
		if n.Labels == nil {
			n.Labels = map[string]string{}
		}
		n.Labels[corev1.LabelMetadataName] = n.Name
	}
	if n.Status.Phase == "" {
		n.Status.Phase = corev1.NamespaceActive
	}
}

// prepareNamespaceForCreate adds the finalizer that holds a deleted namespace until it is empty.
func prepareNamespaceForCreate(n *corev1.Namespace) {
	n.Status = corev1.NamespaceStatus{}
	defaultNamespace(n)
	if !slices.Contains(n.Spec.Finalizers, corev1.FinalizerKubernetes) {
		n.Spec.Finalizers = append(n.Spec.Finalizers, corev1.FinalizerKubernetes)
	}
}

// prepareNamespaceForUpdate keeps spec.finalizers, which only /finalize may change.
func prepareNamespaceForUpdate(n, old *corev1.Namespace) {
	n.Spec.Finalizers, n.Status = old.Spec.Finalizers, old.Status
}

func validateNamespace(n *corev1.Namespace) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("spec", "finalizers")
	for i, finalizer := range n.Spec.Finalizers {
		name := string(finalizer)
		errs = append(errs, apivalidation.ValidateFinalizerName(name, path.Index(i))...)
		if !strings.Contains(name, "/") && finalizer != corev1.FinalizerKubernetes {
			errs = append(errs, field.Invalid(path.Index(i), name, "name is neither a standard finalizer name nor is it fully qualified"))
		}
	}
	return errs
}

// validateNamespaceStatusUpdate ties the phase to deletion: nobody but a delete makes a namespace Terminating.
func validateNamespaceStatusUpdate(n, _ *corev1.Namespace) field.ErrorList {
	phase := field.NewPath("status", "phase")
	switch {
	case n.DeletionTimestamp.IsZero() && n.Status.Phase != corev1.NamespaceActive:
		return field.ErrorList{field.Invalid(phase, n.Status.Phase, "may only be 'Active' if `deletionTimestamp` is empty")}
	case !n.DeletionTimestamp.IsZero() && n.Status.Phase != corev1.NamespaceTerminating:
		return field.ErrorList{field.Invalid(phase, n.Status.Phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")}
	}
	return nil
}
