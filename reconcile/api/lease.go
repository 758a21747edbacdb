package api

import (
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

var lease = Of[*coordinationv1.Lease]{
	Group: coordinationv1.GroupName, Version: "v1", Kind: "Lease", Resource: "leases", Singular: "lease", Namespaced: true,
	New:                 func() *coordinationv1.Lease { return &coordinationv1.Lease{} },
	NewList:             func() runtime.Object { return &coordinationv1.LeaseList{} },
	Validate:            validateLease,
	AllowCreateOnUpdate: true,
	Columns: []metav1.TableColumnDefinition{
		nameColumn, column("Holder", "string", "Who holds the lease."), ageColumn,
	},
	Row: func(l *coordinationv1.Lease, now time.Time) []any {
		return []any{l.Name, ptr.Deref(l.Spec.HolderIdentity, ""), age(l.CreationTimestamp, now)}
	},
}

func validateLease(l *coordinationv1.Lease) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("spec")
	if n := l.Spec.LeaseDurationSeconds; n != nil && *n <= 0 {
		errs = append(errs, field.Invalid(path.Child("leaseDurationSeconds"), *n, "must be greater than 0"))
	}
	if n := l.Spec.LeaseTransitions; n != nil && *n < 0 {
		errs = append(errs, field.Invalid(path.Child("leaseTransitions"), *n, "must be greater than or equal to 0"))
	}
	if s := l.Spec.Strategy; s != nil {
		errs = append(errs, validateLeaseStrategy(*s, path.Child("strategy"))...)
	}
	if ptr.Deref(l.Spec.PreferredHolder, "") != "" && ptr.Deref(l.Spec.Strategy, "") == "" {
		errs = append(errs, field.Forbidden(path.Child("preferredHolder"), "may only be specified if `strategy` is defined"))
	}
	return errs
}

// validateLeaseStrategy allows the one strategy that has a name in Kubernetes, and qualified names of others.
func validateLeaseStrategy(s coordinationv1.CoordinatedLeaseStrategy, path *field.Path) field.ErrorList {
	if strings.Contains(string(s), "/") {
		return invalid(path, string(s), validation.IsQualifiedName(string(s)))
	}
	return oneOf(s, path, coordinationv1.OldestEmulationVersion)
}
