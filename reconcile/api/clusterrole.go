package api

import (
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var clusterRole = Of[*rbacv1.ClusterRole]{
	Group: rbacv1.GroupName, Version: "v1", Kind: "ClusterRole", Resource: "clusterroles", Singular: "clusterrole",
	New:                 func() *rbacv1.ClusterRole { return &rbacv1.ClusterRole{} },
	NewList:             func() runtime.Object { return &rbacv1.ClusterRoleList{} },
	ValidateName:        validateRBACName,
	Validate:            validateClusterRole,
	AllowCreateOnUpdate: true,
	Columns:             roleColumns,
	Row:                 func(r *rbacv1.ClusterRole, _ time.Time) []any { return roleRow(r.ObjectMeta) },
}

func validateClusterRole(r *rbacv1.ClusterRole) field.ErrorList {
	errs := validateRules(r.Rules, false)
	if r.AggregationRule == nil {
		return errs
	}
	selectors := field.NewPath("aggregationRule", "clusterRoleSelectors")
	if len(r.AggregationRule.ClusterRoleSelectors) == 0 {
		errs = append(errs, field.Required(selectors, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
	}
	for i := range r.AggregationRule.ClusterRoleSelectors {
		selector := &r.AggregationRule.ClusterRoleSelectors[i]
		errs = append(errs, metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, selectors.Index(i))...)
	}
	return errs
}
