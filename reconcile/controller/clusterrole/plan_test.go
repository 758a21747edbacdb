package clusterrole

import (
	"math/rand"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func rule(resource string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{resource}}
}

func labelled(name, label string, resources ...string) *rbacv1.ClusterRole {
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{label: "true"}}}
	for _, resource := range resources {
		role.Rules = append(role.Rules, rule(resource))
	}
	return role
}

func aggregating(name, label string, by ...string) *rbacv1.ClusterRole {
	role := labelled(name, label)
	role.AggregationRule = &rbacv1.AggregationRule{}
	for _, key := range by {
		role.AggregationRule.ClusterRoleSelectors = append(role.AggregationRule.ClusterRoleSelectors, metav1.LabelSelector{MatchLabels: map[string]string{key: "true"}})
	}
	return role
}

func TestAggregateAddsUpRules(t *testing.T) {
	view := aggregating("view", "to-view", "to-view", "to-view-also")
	all := []*rbacv1.ClusterRole{
		view, labelled("b", "to-view", "pods", "services"), labelled("a", "to-view-also", "nodes", "pods"), labelled("c", "to-edit", "secrets"),
	}
	want := []rbacv1.PolicyRule{rule("nodes"), rule("pods"), rule("services")}
	for range 10 {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		changed, err := Aggregate(view, all)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, changed.Rules); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		again, err := Aggregate(changed, all)
		if err != nil || again != nil {
			t.Fatalf("a second time: %v, %v; want nothing to do", again, err)
		}
	}
	if view.Rules != nil {
		t.Error("the stored role was changed")
	}
}

func TestAggregateTakesBackRules(t *testing.T) {
	view := aggregating("view", "x", "to-view")
	view.Rules = []rbacv1.PolicyRule{rule("pods")}
	changed, err := Aggregate(view, []*rbacv1.ClusterRole{view})
	if err != nil || changed == nil || len(changed.Rules) != 0 {
		t.Errorf("%v, %v; want a role without rules", changed, err)
	}
}

func TestAggregateLeavesOthersAlone(t *testing.T) {
	plain := labelled("plain", "to-view", "pods")
	if changed, err := Aggregate(plain, []*rbacv1.ClusterRole{plain}); changed != nil || err != nil {
		t.Errorf("%v, %v; want nothing to do", changed, err)
	}
}
