package clusterrole

import (
	"cmp"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Aggregate is the role with the rules of all others that one of its selectors matches: in the order of their names, each
// once. It is nil where the role has them, or does not aggregate.
func Aggregate(role *rbacv1.ClusterRole, all []*rbacv1.ClusterRole) (*rbacv1.ClusterRole, error) {
	if role.AggregationRule == nil {
		return nil, nil
	}
	selectors := make([]labels.Selector, 0, len(role.AggregationRule.ClusterRoleSelectors))
	for i := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&role.AggregationRule.ClusterRoleSelectors[i])
		if err != nil {
			return nil, fmt.Errorf("read selector %d: %w", i, err)
		}
		selectors = append(selectors, selector)
	}
	rules := []rbacv1.PolicyRule{}
	for _, other := range slices.SortedFunc(slices.Values(all), func(a, b *rbacv1.ClusterRole) int { return cmp.Compare(a.Name, b.Name) }) {
		if other.Name == role.Name || !slices.ContainsFunc(selectors, func(s labels.Selector) bool { return s.Matches(labels.Set(other.Labels)) }) {
			continue
		}
		for _, rule := range other.Rules {
			if !slices.ContainsFunc(rules, func(has rbacv1.PolicyRule) bool { return apiequality.Semantic.DeepEqual(has, rule) }) {
				rules = append(rules, rule)
			}
		}
	}
	if apiequality.Semantic.DeepEqual(role.Rules, rules) {
		return nil, nil
	}
	changed := role.DeepCopy()
	changed.Rules = nil
	for i := range rules {
		changed.Rules = append(changed.Rules, *rules[i].DeepCopy())
	}
	return changed, nil
}
