package rbac

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/component-helpers/auth/rbac/validation"
)

// Escalation refuses roles and bindings by which a user would grant, perhaps to themselves, what they have not. The verbs
// "escalate" on a role and "bind" on one lift that.
type Escalation struct {
	*admission.Handler
	policy *Policy
}

var _ admission.ValidationInterface = &Escalation{}

// NewEscalation makes the admission plugin.
func NewEscalation(policy *Policy) *Escalation {
	return &Escalation{Handler: admission.NewHandler(admission.Create, admission.Update), policy: policy}
}

// everything is what its holder need not be asked about.
var everything = []rbacv1.PolicyRule{
	{Verbs: []string{rbacv1.VerbAll}, APIGroups: []string{rbacv1.APIGroupAll}, Resources: []string{rbacv1.ResourceAll}},
	{Verbs: []string{rbacv1.VerbAll}, NonResourceURLs: []string{rbacv1.NonResourceAll}},
}

// Validate implements admission.ValidationInterface.
func (e *Escalation) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().Group != rbacv1.GroupName || slices.Contains(a.GetUserInfo().GetGroups(), user.SystemPrivilegedGroup) {
		return nil
	}
	if a.GetOldObject() != nil && onlyForDeletion(a.GetObject(), a.GetOldObject()) {
		return nil
	}
	switch obj := a.GetObject().(type) {
	case *rbacv1.Role:
		return e.grantsNoMore(ctx, a, obj.Rules)
	case *rbacv1.ClusterRole:
		old, _ := a.GetOldObject().(*rbacv1.ClusterRole)
		if obj.AggregationRule == nil && (old == nil || old.AggregationRule == nil) {
			return e.grantsNoMore(ctx, a, obj.Rules)
		}
		if e.missing(a, everything) != nil {
			return admission.NewForbidden(a, errors.New("must have cluster-admin privileges to use the aggregationRule"))
		}
	case *rbacv1.RoleBinding:
		return e.bindsNoMore(ctx, a, obj.RoleRef)
	case *rbacv1.ClusterRoleBinding:
		return e.bindsNoMore(ctx, a, obj.RoleRef)
	}
	return nil
}

// onlyForDeletion is an update of what lets garbage collection delete the object, and of nothing else.
func onlyForDeletion(obj, old runtime.Object) bool {
	changed, err := meta.Accessor(obj.DeepCopyObject())
	if err != nil {
		return false
	}
	before, err := meta.Accessor(old)
	if err != nil {
		return false
	}
	changed.SetFinalizers(before.GetFinalizers())
	changed.SetOwnerReferences(before.GetOwnerReferences())
	changed.SetManagedFields(before.GetManagedFields())
	return apiequality.Semantic.DeepEqual(changed, before)
}

func (e *Escalation) grantsNoMore(ctx context.Context, a admission.Attributes, rules []rbacv1.PolicyRule) error {
	if e.may(ctx, a, "escalate", a.GetResource().Resource, a.GetName()) {
		return nil
	}
	if err := e.missing(a, rules); err != nil {
		return admission.NewForbidden(a, err)
	}
	return nil
}

func (e *Escalation) bindsNoMore(ctx context.Context, a admission.Attributes, ref rbacv1.RoleRef) error {
	resource := "clusterroles"
	if ref.Kind == "Role" {
		resource = "roles"
	}
	if e.may(ctx, a, "bind", resource, ref.Name) {
		return nil
	}
	rules, err := e.policy.rulesOf(ref, a.GetNamespace())
	if err != nil {
		return err
	}
	if err := e.missing(a, rules); err != nil {
		return admission.NewForbidden(a, err)
	}
	return nil
}

func (e *Escalation) may(ctx context.Context, a admission.Attributes, verb, resource, name string) bool {
	decision, _, _ := e.policy.Authorize(ctx, authorizer.AttributesRecord{
		User: a.GetUserInfo(), Verb: verb, Namespace: a.GetNamespace(), Name: name, ResourceRequest: true,
		APIGroup: rbacv1.GroupName, APIVersion: "*", Resource: resource,
	})
	return decision == authorizer.DecisionAllow
}

// missing says which of the rules the user does not have, in upstream's words.
func (e *Escalation) missing(a admission.Attributes, rules []rbacv1.PolicyRule) error {
	who := a.GetUserInfo()
	held, broken := e.policy.Rules(who, a.GetNamespace())
	covered, missing := validation.Covers(held, rules)
	if covered {
		return nil
	}
	message := fmt.Sprintf("user %q (groups=%q) is attempting to grant RBAC permissions not currently held:\n%s",
		who.GetName(), who.GetGroups(), strings.Join(describe(missing), "\n"))
	if broken != nil {
		message += fmt.Sprintf("; resolution errors: %v", []error{broken})
	}
	return errors.New(message)
}

// describe writes rules, each of one verb, as few sorted lines: rules that differ in their verb only are one.
func describe(rules []rbacv1.PolicyRule) []string {
	var merged []rbacv1.PolicyRule
	for _, rule := range rules {
		same := slices.IndexFunc(merged, func(other rbacv1.PolicyRule) bool {
			other.Verbs = rule.Verbs
			return len(rule.NonResourceURLs) == 0 && apiequality.Semantic.DeepEqual(rule, other)
		})
		if same < 0 {
			merged = append(merged, *rule.DeepCopy())
		} else {
			merged[same].Verbs = append(merged[same].Verbs, rule.Verbs...)
		}
	}
	lines := make([]string, 0, len(merged))
	for _, rule := range merged {
		lines = append(lines, ruleText(rule))
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// ruleText is as in `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`.
func ruleText(rule rbacv1.PolicyRule) string {
	var parts []string
	for _, part := range []struct {
		name   string
		values []string
	}{
		{"APIGroups", rule.APIGroups}, {"Resources", rule.Resources}, {"NonResourceURLs", rule.NonResourceURLs},
		{"ResourceNames", rule.ResourceNames}, {"Verbs", rule.Verbs},
	} {
		if len(part.values) > 0 {
			parts = append(parts, fmt.Sprintf("%s:%q", part.name, part.values))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
