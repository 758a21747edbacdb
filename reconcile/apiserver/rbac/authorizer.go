package rbac

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

var (
	_ authorizer.Authorizer   = &Policy{}
	_ authorizer.RuleResolver = &Policy{}
)

// Authorize implements authorizer.Authorizer. What no rule allows, others may still allow; the reason then names
// bindings whose role is missing.
func (p *Policy) Authorize(_ context.Context, asked authorizer.Attributes) (authorizer.Decision, string, error) {
	if !p.HasSynced() {
		return authorizer.DecisionNoOpinion, "RBAC: roles are not read yet", nil
	}
	var by *grant
	var broken []error
	p.grants(asked.GetUser(), asked.GetNamespace(), func(g *grant) bool {
		if g.err != nil {
			broken = append(broken, g.err)
		}
		for i := range g.rules {
			if Allows(&g.rules[i], asked) {
				by = g
				return false
			}
		}
		return true
	})
	switch {
	case by != nil:
		return authorizer.DecisionAllow, fmt.Sprintf("RBAC: allowed by %s %q of %s %q to User %q", by.kind, by.binding, by.role.Kind, by.role.Name, asked.GetUser().GetName()), nil
	case len(broken) > 0:
		return authorizer.DecisionNoOpinion, fmt.Sprintf("RBAC: %v", utilerrors.NewAggregate(broken)), nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// ConditionsAwareAuthorize implements authorizer.Authorizer: no rule has conditions.
func (p *Policy) ConditionsAwareAuthorize(ctx context.Context, asked authorizer.Attributes) authorizer.ConditionsAwareDecision {
	return authorizer.ConditionsAwareDecisionFromParts(p.Authorize(ctx, asked))
}

// EvaluateConditions implements authorizer.Authorizer.
func (p *Policy) EvaluateConditions(context.Context, authorizer.ConditionsAwareDecision, authorizer.ConditionsData) (authorizer.Decision, string, error) {
	return authorizer.DecisionDeny, "", authorizer.ErrorConditionEvaluationNotSupported
}

// Rules are all that hold for a user in a namespace, or with "" in none, in the order of their bindings' names.
// The error is of bindings whose role is missing; the others' rules are there.
func (p *Policy) Rules(who user.Info, namespace string) ([]rbacv1.PolicyRule, error) {
	var all []*grant
	p.grants(who, namespace, func(g *grant) bool {
		all = append(all, g)
		return true
	})
	slices.SortStableFunc(all, func(a, b *grant) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.binding, b.binding)) })
	var rules []rbacv1.PolicyRule
	var broken []error
	for i, g := range all {
		if i > 0 && g.kind == all[i-1].kind && g.binding == all[i-1].binding {
			continue // it names the user twice: by name and by group
		}
		rules = append(rules, g.rules...)
		if g.err != nil {
			broken = append(broken, g.err)
		}
	}
	return rules, utilerrors.NewAggregate(broken)
}

// RulesFor implements authorizer.RuleResolver.
func (p *Policy) RulesFor(_ context.Context, who user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	rules, err := p.Rules(who, namespace)
	var resources []authorizer.ResourceRuleInfo
	var others []authorizer.NonResourceRuleInfo
	for _, rule := range rules {
		if len(rule.Resources) > 0 {
			resources = append(resources, &authorizer.DefaultResourceRuleInfo{
				Verbs: rule.Verbs, APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: rule.ResourceNames,
			})
		}
		if len(rule.NonResourceURLs) > 0 {
			others = append(others, &authorizer.DefaultNonResourceRuleInfo{Verbs: rule.Verbs, NonResourceURLs: rule.NonResourceURLs})
		}
	}
	return resources, others, err != nil, err
}
