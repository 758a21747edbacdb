package api

import (
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var clusterRoleBinding = Of[*rbacv1.ClusterRoleBinding]{
	Group: rbacv1.GroupName, Version: "v1", Kind: "ClusterRoleBinding", Resource: "clusterrolebindings", Singular: "clusterrolebinding",
	New:          func() *rbacv1.ClusterRoleBinding { return &rbacv1.ClusterRoleBinding{} },
	NewList:      func() runtime.Object { return &rbacv1.ClusterRoleBindingList{} },
	Default:      func(b *rbacv1.ClusterRoleBinding) { defaultBinding(&b.RoleRef, b.Subjects) },
	ValidateName: validateRBACName,
	Validate: func(b *rbacv1.ClusterRoleBinding) field.ErrorList {
		return validateRoleBinding(b.RoleRef, b.Subjects, false)
	},
	ValidateUpdate: func(b, old *rbacv1.ClusterRoleBinding) field.ErrorList {
		return sameRole(b.RoleRef, old.RoleRef)
	},
	AllowCreateOnUpdate: true,
	Columns:             bindingColumns,
	Row: func(b *rbacv1.ClusterRoleBinding, now time.Time) []any {
		return bindingRow(b.ObjectMeta, b.RoleRef, b.Subjects, now)
	},
}
