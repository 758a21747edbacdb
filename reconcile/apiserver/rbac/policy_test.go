package rbac

import (
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	"k8s.io/client-go/tools/cache"
)

// policyOf is a Policy of these objects.
func policyOf(t testing.TB, objects ...runtime.Object) *Policy {
	t.Helper()
	store := func() cache.Indexer {
		return cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	}
	roles, clusterRoles, bindings, clusterBindings := store(), store(), store(), store()
	for _, indexer := range []cache.Indexer{bindings, clusterBindings} {
		if err := indexer.AddIndexers(cache.Indexers{bySubject: subjectKeys}); err != nil {
			t.Fatal(err)
		}
	}
	for _, object := range objects {
		to := map[string]cache.Indexer{
			"*v1.Role": roles, "*v1.ClusterRole": clusterRoles, "*v1.RoleBinding": bindings, "*v1.ClusterRoleBinding": clusterBindings,
		}[fmt.Sprintf("%T", object)]
		if err := to.Add(object); err != nil {
			t.Fatal(err)
		}
	}
	return &Policy{
		roles: rbaclisters.NewRoleLister(roles), clusterRoles: rbaclisters.NewClusterRoleLister(clusterRoles),
		bindings: bindings, clusterBindings: clusterBindings,
	}
}

func role(namespace, name string, rules ...rbacv1.PolicyRule) *rbacv1.Role {
	return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Rules: rules}
}

func binding(namespace, name, kind, roleName string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, RoleRef: rbacv1.RoleRef{Kind: kind, Name: roleName}, Subjects: subjects}
}

func clusterBinding(name, roleName string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: roleName}, Subjects: subjects}
}

func subject(kind, name string) rbacv1.Subject { return rbacv1.Subject{Kind: kind, Name: name} }

func account(namespace, name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: name}
}

func get(who, namespace, resource string, groups ...string) authorizer.AttributesRecord {
	return authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: who, Groups: groups}, Verb: "get", Namespace: namespace, Resource: resource, ResourceRequest: true,
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	policy := policyOf(t,
		role("shop", "reader", rule(read, "", "pods")),
		clusterRole("nodes", rule(read, "", "nodes")),
		clusterRole("secrets", rule(read, "", "secrets")),
		binding("shop", "readers", "Role", "reader", subject("User", "ann"), subject("Group", "dev"), account("", "web"), account("ci", "deploy")),
		binding("shop", "secrets", "ClusterRole", "secrets", subject("User", "ann")),
		binding("shop", "broken", "Role", "gone", subject("User", "eve")),
		clusterBinding("nodes", "nodes", subject("Group", "dev")),
		clusterBinding("broken", "gone", subject("User", "eve")),
	)
	const no = authorizer.DecisionNoOpinion
	for _, test := range []struct {
		asked  authorizer.AttributesRecord
		want   authorizer.Decision
		reason string
	}{
		{get("ann", "shop", "pods"), authorizer.DecisionAllow, `RBAC: allowed by RoleBinding "readers/shop" of Role "reader" to User "ann"`},
		{get("bob", "shop", "pods", "dev"), authorizer.DecisionAllow, `RBAC: allowed by RoleBinding "readers/shop" of Role "reader" to User "bob"`},
		{get("dev", "shop", "pods"), no, ""},
		{get("ann", "other", "pods"), no, ""},
		{get("ann", "", "pods"), no, ""},
		{get("ann", "shop", "secrets"), authorizer.DecisionAllow, `RBAC: allowed by RoleBinding "secrets/shop" of ClusterRole "secrets" to User "ann"`},
		{get("ann", "other", "secrets"), no, ""},
		{get("bob", "", "nodes", "dev"), authorizer.DecisionAllow, `RBAC: allowed by ClusterRoleBinding "nodes" of ClusterRole "nodes" to User "bob"`},
		{get("system:serviceaccount:shop:web", "shop", "pods"), authorizer.DecisionAllow, `RBAC: allowed by RoleBinding "readers/shop" of Role "reader" to User "system:serviceaccount:shop:web"`},
		{get("system:serviceaccount:other:web", "shop", "pods"), no, ""},
		{get("system:serviceaccount:ci:deploy", "shop", "pods"), authorizer.DecisionAllow, `RBAC: allowed by RoleBinding "readers/shop" of Role "reader" to User "system:serviceaccount:ci:deploy"`},
		{get("eve", "shop", "pods"), no, `RBAC: [clusterrole.rbac.authorization.k8s.io "gone" not found, role.rbac.authorization.k8s.io "gone" not found]`},
	} {
		decision, reason, err := policy.Authorize(t.Context(), test.asked)
		if decision != test.want || reason != test.reason || err != nil {
			t.Errorf("%s gets %s in %q: %v, %q, %v; want %v, %q", test.asked.User.GetName(), test.asked.Resource, test.asked.Namespace, decision, reason, err, test.want, test.reason)
		}
	}
}

func TestNobodyMayBeforeRolesAreRead(t *testing.T) {
	policy := policyOf(t, clusterRole("cluster-admin", everything...), clusterBinding("all", "cluster-admin", subject("User", "ann")))
	policy.synced = []cache.InformerSynced{func() bool { return false }}
	if decision, reason, _ := policy.Authorize(t.Context(), get("ann", "", "pods")); decision != authorizer.DecisionNoOpinion || reason == "" {
		t.Errorf("%v, %q; want no opinion, and why", decision, reason)
	}
}

func TestRulesOfAUserComeOnceAndInOrder(t *testing.T) {
	policy := policyOf(t,
		clusterRole("b", rule(read, "", "nodes")), clusterRole("a", rule(read, "", "pods")),
		clusterBinding("b", "b", subject("User", "ann"), subject("Group", "dev")), clusterBinding("a", "a", subject("Group", "dev")),
	)
	rules, err := policy.Rules(&user.DefaultInfo{Name: "ann", Groups: []string{"dev"}}, "")
	if err != nil || len(rules) != 2 || rules[0].Resources[0] != "pods" || rules[1].Resources[0] != "nodes" {
		t.Errorf("rules %v, error %v; want those of a and b", rules, err)
	}
}

func TestDefaultsAreValidAndEnough(t *testing.T) {
	var objects []runtime.Object
	names := map[string]bool{}
	for _, role := range ClusterRoles() {
		if names[role.Name] || role.Labels["kubernetes.io/bootstrapping"] == "" || role.Annotations[rbacv1.AutoUpdateAnnotationKey] != "true" {
			t.Errorf("cluster role %s: twice, or not marked as a default", role.Name)
		}
		names[role.Name] = true
		objects = append(objects, role)
	}
	for _, binding := range ClusterRoleBindings() {
		if !names[binding.RoleRef.Name] {
			t.Errorf("binding %s is to the role %s, which is no default", binding.Name, binding.RoleRef.Name)
		}
		objects = append(objects, binding)
	}
	policy := policyOf(t, objects...)
	anybody := &user.DefaultInfo{Name: "ann", Groups: []string{user.AllAuthenticated}}
	for _, path := range []string{"/version", "/api", "/apis/apps/v1", "/openapi/v3/apis/apps/v1", "/readyz"} {
		asked := authorizer.AttributesRecord{User: anybody, Verb: "get", Path: path}
		if decision, _, _ := policy.Authorize(t.Context(), asked); decision != authorizer.DecisionAllow {
			t.Errorf("an authenticated user may not get %s", path)
		}
	}
	asked := get("ann", "", "secrets", user.AllAuthenticated)
	if decision, _, _ := policy.Authorize(t.Context(), asked); decision == authorizer.DecisionAllow {
		t.Error("an authenticated user may get secrets")
	}
	for _, rule := range viewRules {
		if strings.Contains(strings.Join(rule.Resources, " "), "secrets") {
			t.Error("view shows Secrets, by which a reader becomes any service account")
		}
	}
}

func BenchmarkDecision(b *testing.B) {
	objects := []runtime.Object{clusterRole("view", viewRules...)}
	for i := range 200 {
		objects = append(objects, clusterBinding(fmt.Sprint("c", i), "view", subject("User", fmt.Sprint("u", i))),
			binding("shop", fmt.Sprint("n", i), "ClusterRole", "view", subject("User", fmt.Sprint("u", i)), subject("Group", fmt.Sprint("g", i))))
	}
	policy := policyOf(b, objects...)
	for name, asked := range map[string]authorizer.AttributesRecord{
		"allowed": get("u7", "shop", "pods", "g1", user.AllAuthenticated), "refused": get("u7", "shop", "secrets", "g1", user.AllAuthenticated),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _, _ = policy.Authorize(b.Context(), asked)
			}
		})
	}
}
