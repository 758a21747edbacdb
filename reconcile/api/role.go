package api

import (
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var role = Of[*rbacv1.Role]{
	Group: rbacv1.GroupName, Version: "v1", Kind: "Role", Resource: "roles", Singular: "role", Namespaced: true,
	New:                 func() *rbacv1.Role { return &rbacv1.Role{} },
	NewList:             func() runtime.Object { return &rbacv1.RoleList{} },
	ValidateName:        validateRBACName,
	Validate:            func(r *rbacv1.Role) field.ErrorList { return validateRules(r.Rules, true) },
	AllowCreateOnUpdate: true,
	Columns:             roleColumns,
	Row:                 func(r *rbacv1.Role, _ time.Time) []any { return roleRow(r.ObjectMeta) },
}

var roleColumns = []metav1.TableColumnDefinition{nameColumn, column("Created At", "string", "When the object was created, in UTC.")}

func roleRow(meta metav1.ObjectMeta) []any {
	return []any{meta.Name, meta.CreationTimestamp.UTC().Format(time.RFC3339)}
}

// validateRBACName lets names be more than DNS allows: "system:node", "kubeadm:get-nodes".
func validateRBACName(name string, prefix bool) []string {
	if prefix {
		return content.IsPathSegmentPrefix(name)
	}
	return content.IsPathSegmentName(name)
}

func validateRules(rules []rbacv1.PolicyRule, namespaced bool) field.ErrorList {
	var errs field.ErrorList
	for i := range rules {
		errs = append(errs, validateRule(&rules[i], namespaced, field.NewPath("rules").Index(i))...)
	}
	return errs
}

// validateRule wants a rule that is about resources, or about other URLs, and says what may be done.
func validateRule(rule *rbacv1.PolicyRule, namespaced bool, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(rule.Verbs) == 0 {
		errs = append(errs, field.Required(at.Child("verbs"), "verbs must contain at least one value"))
	}
	if len(rule.NonResourceURLs) > 0 {
		if namespaced {
			errs = append(errs, field.Invalid(at.Child("nonResourceURLs"), rule.NonResourceURLs, "namespaced rules cannot apply to non-resource URLs"))
		}
		if len(rule.APIGroups) > 0 || len(rule.Resources) > 0 || len(rule.ResourceNames) > 0 {
			errs = append(errs, field.Invalid(at.Child("nonResourceURLs"), rule.NonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"))
		}
		return errs
	}
	if len(rule.APIGroups) == 0 {
		errs = append(errs, field.Required(at.Child("apiGroups"), "resource rules must supply at least one api group"))
	}
	if len(rule.Resources) == 0 {
		errs = append(errs, field.Required(at.Child("resources"), "resource rules must supply at least one resource"))
	}
	return errs
}
