package rbac

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Allows is whether one rule allows a request.
func Allows(rule *rbacv1.PolicyRule, asked authorizer.Attributes) bool {
	if !holds(rule.Verbs, asked.GetVerb(), rbacv1.VerbAll) {
		return false
	}
	if !asked.IsResourceRequest() {
		return slices.ContainsFunc(rule.NonResourceURLs, func(pattern string) bool { return matchesPath(pattern, asked.GetPath()) })
	}
	return holds(rule.APIGroups, asked.GetAPIGroup(), rbacv1.APIGroupAll) &&
		holdsResource(rule.Resources, asked.GetResource(), asked.GetSubresource()) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, asked.GetName()))
}

func holds(list []string, one, all string) bool {
	return slices.Contains(list, one) || slices.Contains(list, all)
}

// holdsResource takes "pods", "pods/log", "*/scale" and "*". Without a slash a resource does not stand for its subresources.
func holdsResource(list []string, resource, subresource string) bool {
	for _, pattern := range list {
		if pattern == rbacv1.ResourceAll {
			return true
		}
		of, sub, _ := strings.Cut(pattern, "/")
		if sub == subresource && (of == resource || of == "*" && sub != "") {
			return true
		}
	}
	return false
}

// matchesPath takes a path, or with a star at its end all that begin so.
func matchesPath(pattern, path string) bool {
	if pattern == path {
		return true
	}
	return strings.HasSuffix(pattern, "*") && strings.HasPrefix(path, strings.TrimRight(pattern, "*"))
}
