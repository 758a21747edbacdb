package api

import (
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var roleBinding = Of[*rbacv1.RoleBinding]{
	Group: rbacv1.GroupName, Version: "v1", Kind: "RoleBinding", Resource: "rolebindings", Singular: "rolebinding", Namespaced: true,
	New:          func() *rbacv1.RoleBinding { return &rbacv1.RoleBinding{} },
	NewList:      func() runtime.Object { return &rbacv1.RoleBindingList{} },
	Default:      func(b *rbacv1.RoleBinding) { defaultBinding(&b.RoleRef, b.Subjects) },
	ValidateName: validateRBACName,
	Validate: func(b *rbacv1.RoleBinding) field.ErrorList {
		return validateRoleBinding(b.RoleRef, b.Subjects, true)
	},
	ValidateUpdate: func(b, old *rbacv1.RoleBinding) field.ErrorList {
		return sameRole(b.RoleRef, old.RoleRef)
	},
	AllowCreateOnUpdate: true,
	Columns:             bindingColumns,
	Row: func(b *rbacv1.RoleBinding, now time.Time) []any {
		return bindingRow(b.ObjectMeta, b.RoleRef, b.Subjects, now)
	},
}

var bindingColumns = []metav1.TableColumnDefinition{
	nameColumn,
	column("Role", "string", "What may be done."),
	ageColumn,
	wide("Users", "string", "Users who may do it."),
	wide("Groups", "string", "Groups whose members may do it."),
	wide("ServiceAccounts", "string", "Service accounts that may do it."),
}

func bindingRow(meta metav1.ObjectMeta, ref rbacv1.RoleRef, subjects []rbacv1.Subject, now time.Time) []any {
	names := map[string][]string{}
	for _, subject := range subjects {
		name := subject.Name
		if subject.Kind == rbacv1.ServiceAccountKind {
			name = subject.Namespace + "/" + name
		}
		names[subject.Kind] = append(names[subject.Kind], name)
	}
	joined := func(kind string) string { return strings.Join(names[kind], ", ") }
	return []any{
		meta.Name, ref.Kind + "/" + ref.Name, age(meta.CreationTimestamp, now),
		joined(rbacv1.UserKind), joined(rbacv1.GroupKind), joined(rbacv1.ServiceAccountKind),
	}
}

// defaultBinding names the only group that roles, users and groups can be of.
func defaultBinding(ref *rbacv1.RoleRef, subjects []rbacv1.Subject) {
	if ref.APIGroup == "" {
		ref.APIGroup = rbacv1.GroupName
	}
	for i := range subjects {
		if kind := subjects[i].Kind; subjects[i].APIGroup == "" && (kind == rbacv1.UserKind || kind == rbacv1.GroupKind) {
			subjects[i].APIGroup = rbacv1.GroupName
		}
	}
}

// validateRoleBinding judges both kinds of bindings; only one in a namespace can be to a Role.
func validateRoleBinding(ref rbacv1.RoleRef, subjects []rbacv1.Subject, namespaced bool) field.ErrorList {
	at, kinds := field.NewPath("roleRef"), []string{"ClusterRole"}
	if namespaced {
		kinds = []string{"Role", "ClusterRole"}
	}
	errs := oneOf(ref.APIGroup, at.Child("apiGroup"), rbacv1.GroupName)
	errs = append(errs, oneOf(ref.Kind, at.Child("kind"), kinds...)...)
	errs = append(errs, requiredName(ref.Name, at.Child("name"), func(name string) []string { return validateRBACName(name, false) })...)
	for i := range subjects {
		errs = append(errs, validateSubject(&subjects[i], namespaced, field.NewPath("subjects").Index(i))...)
	}
	return errs
}

func validateSubject(subject *rbacv1.Subject, namespaced bool, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if subject.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	}
	switch subject.Kind {
	case rbacv1.ServiceAccountKind:
		if subject.Name != "" {
			errs = append(errs, invalid(at.Child("name"), subject.Name, apivalidation.ValidateServiceAccountName(subject.Name, false))...)
		}
		if subject.APIGroup != "" {
			errs = append(errs, field.NotSupported(at.Child("apiGroup"), subject.APIGroup, []string{""}))
		}
		if !namespaced && subject.Namespace == "" {
			errs = append(errs, field.Required(at.Child("namespace"), ""))
		}
	case rbacv1.UserKind, rbacv1.GroupKind:
		if subject.APIGroup != rbacv1.GroupName {
			errs = append(errs, field.NotSupported(at.Child("apiGroup"), subject.APIGroup, []string{rbacv1.GroupName}))
		}
	default:
		errs = append(errs, field.NotSupported(at.Child("kind"), subject.Kind, []string{rbacv1.ServiceAccountKind, rbacv1.UserKind, rbacv1.GroupKind}))
	}
	return errs
}

// sameRole keeps a binding to the role for which its maker was allowed to make it.
func sameRole(ref, old rbacv1.RoleRef) field.ErrorList {
	if ref != old {
		return field.ErrorList{field.Invalid(field.NewPath("roleRef"), ref, "cannot change roleRef")}
	}
	return nil
}
