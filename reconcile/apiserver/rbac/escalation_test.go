package rbac

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"pgregory.net/rapid"
)

func written(who, namespace, resource string, obj, old runtime.Object, groups ...string) admission.Attributes {
	operation := admission.Create
	if old != nil {
		operation = admission.Update
	}
	return admission.NewAttributesRecord(obj, old, rbacv1.SchemeGroupVersion.WithKind("x"), namespace, "new", rbacv1.SchemeGroupVersion.WithResource(resource),
		"", operation, nil, false, &user.DefaultInfo{Name: who, Groups: groups})
}

func TestNobodyGrantsMoreThanTheyHave(t *testing.T) {
	pods := rule([]string{"get", "list"}, "", "pods")
	policy := policyOf(t,
		clusterRole("cluster-admin", everything...), clusterRole("pods", pods),
		clusterRole("escalate", rule([]string{"escalate", "bind"}, rbacv1.GroupName, "roles", "clusterroles")),
		role("shop", "pods", pods),
		clusterBinding("root", "cluster-admin", subject("User", "root")),
		clusterBinding("trusted", "escalate", subject("User", "trusted")),
		binding("shop", "ann", "ClusterRole", "pods", subject("User", "ann")),
	)
	more := rbacv1.PolicyRule{Verbs: []string{"get", "delete"}, APIGroups: []string{""}, Resources: []string{"pods", "secrets"}}
	aggregated := &rbacv1.ClusterRole{AggregationRule: &rbacv1.AggregationRule{}}
	held := role("shop", "new", more)
	orphaned := held.DeepCopy()
	orphaned.OwnerReferences = []metav1.OwnerReference{{UID: "u"}}
	const refused = `roles.rbac.authorization.k8s.io "new" is forbidden: user "ann" (groups=["dev"]) is attempting to grant RBAC permissions not currently held:
{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}
{APIGroups:[""], Resources:["secrets"], Verbs:["get" "delete"]}`
	for name, test := range map[string]struct {
		write admission.Attributes
		want  string
	}{
		"a role of what one has":        {written("ann", "shop", "roles", role("shop", "new", pods), nil), ""},
		"a role of more":                {written("ann", "shop", "roles", role("shop", "new", more), nil, "dev"), refused},
		"a role made more":              {written("ann", "shop", "roles", held, role("shop", "new", pods), "dev"), refused},
		"an owner of a role of more":    {written("ann", "shop", "roles", orphaned, held), ""},
		"a role of more, by root":       {written("root", "shop", "roles", held, nil), ""},
		"a role of more, by a master":   {written("x", "shop", "roles", held, nil, user.SystemPrivilegedGroup), ""},
		"a role of more, with escalate": {written("trusted", "shop", "roles", held, nil), ""},
		"what one has, elsewhere": {written("ann", "other", "roles", role("other", "new", pods), nil),
			`roles.rbac.authorization.k8s.io "new" is forbidden: user "ann" (groups=[]) is attempting to grant RBAC permissions not currently held:
{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`},
		"aggregation":              {written("ann", "", "clusterroles", aggregated, nil), `clusterroles.rbac.authorization.k8s.io "new" is forbidden: must have cluster-admin privileges to use the aggregationRule`},
		"aggregation given up":     {written("ann", "", "clusterroles", &rbacv1.ClusterRole{}, aggregated), `clusterroles.rbac.authorization.k8s.io "new" is forbidden: must have cluster-admin privileges to use the aggregationRule`},
		"aggregation, by root":     {written("root", "", "clusterroles", aggregated, nil), ""},
		"binding what one has":     {written("ann", "shop", "rolebindings", binding("shop", "new", "Role", "pods"), nil), ""},
		"binding by right to bind": {written("trusted", "shop", "rolebindings", binding("shop", "new", "ClusterRole", "cluster-admin"), nil), ""},
		"binding what is missing":  {written("ann", "shop", "rolebindings", binding("shop", "new", "Role", "gone"), nil), `role.rbac.authorization.k8s.io "gone" not found`},
		"binding for all what one has in one namespace": {written("ann", "", "clusterrolebindings", clusterBinding("new", "pods"), nil),
			`clusterrolebindings.rbac.authorization.k8s.io "new" is forbidden: user "ann" (groups=[]) is attempting to grant RBAC permissions not currently held:
{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`},
		"binding all": {written("ann", "shop", "rolebindings", binding("shop", "new", "ClusterRole", "cluster-admin"), nil),
			`rolebindings.rbac.authorization.k8s.io "new" is forbidden: user "ann" (groups=[]) is attempting to grant RBAC permissions not currently held:
{APIGroups:["*"], Resources:["*"], Verbs:["*"]}
{NonResourceURLs:["*"], Verbs:["*"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := NewEscalation(policy).Validate(t.Context(), test.write, nil); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("error\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// A user who may write roles, and nothing else that they were not given, never comes to hold a rule that they did not hold.
func TestNoChainOfGrantsGainsAnything(t *testing.T) {
	verbs, resources := []string{"get", "delete", "*"}, []string{"pods", "secrets", "*"}
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) rbacv1.PolicyRule {
			return rule([]string{rapid.SampledFrom(verbs).Draw(t, "verb")}, "", rapid.SampledFrom(resources).Draw(t, "resource"))
		}), 0, 3)
		given := rules.Draw(t, "given")
		policy := policyOf(nopFatal{}, role("shop", "given", given...), binding("shop", "given", "Role", "given", subject("User", "ann")))
		wanted := role("shop", "wanted", rules.Draw(t, "wanted")...)
		asked := get("ann", "shop", rapid.SampledFrom([]string{"pods", "secrets"}).Draw(t, "asked"))
		before, _, _ := policy.Authorize(t.Context(), asked)
		if NewEscalation(policy).Validate(t.Context(), written("ann", "shop", "roles", wanted, nil), nil) != nil {
			return
		}
		policy = policyOf(nopFatal{}, role("shop", "given", given...), wanted,
			binding("shop", "given", "Role", "given", subject("User", "ann")), binding("shop", "wanted", "Role", "wanted", subject("User", "ann")))
		if after, _, _ := policy.Authorize(t.Context(), asked); after != before {
			t.Fatalf("with %v, a role of %v was allowed; then get %s was %v, and had been %v", given, wanted.Rules, asked.Resource, after, before)
		}
	})
}

// nopFatal is a testing.TB for what cannot fail.
type nopFatal struct{ testing.TB }

func (nopFatal) Helper() {}
