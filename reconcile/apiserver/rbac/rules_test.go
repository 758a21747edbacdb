package rbac

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/component-helpers/auth/rbac/validation"
	"pgregory.net/rapid"
)

func TestAllows(t *testing.T) {
	pods := authorizer.AttributesRecord{Verb: "get", ResourceRequest: true, Resource: "pods", Name: "web", Namespace: "shop"}
	logs, scale := pods, pods
	logs.Subresource = "log"
	scale.APIGroup, scale.Resource, scale.Subresource = "apps", "deployments", "scale"
	for name, test := range map[string]struct {
		rule  rbacv1.PolicyRule
		asked authorizer.AttributesRecord
		want  bool
	}{
		"the very thing":                     {rule([]string{"get"}, "", "pods"), pods, true},
		"all verbs":                          {rule([]string{"*"}, "", "pods"), pods, true},
		"another verb":                       {rule([]string{"list"}, "", "pods"), pods, false},
		"another group":                      {rule([]string{"get"}, "apps", "pods"), pods, false},
		"all groups":                         {rule([]string{"get"}, "*", "pods"), pods, true},
		"all resources":                      {rule([]string{"get"}, "", "*"), logs, true},
		"a resource is not its subresources": {rule([]string{"get"}, "", "pods"), logs, false},
		"a subresource is not its resource":  {rule([]string{"get"}, "", "pods/log"), pods, false},
		"the subresource":                    {rule([]string{"get"}, "", "pods/log"), logs, true},
		"the subresource of all":             {rule([]string{"get"}, "apps", "*/scale"), scale, true},
		"another subresource of all":         {rule([]string{"get"}, "", "*/scale"), logs, false},
		"no resource of all":                 {rule([]string{"get"}, "", "*/"), pods, false},
		"by name":                            {rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{"web"}}, pods, true},
		"by another name":                    {rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{"db"}}, pods, false},
		"path":                               {urls("/metrics"), authorizer.AttributesRecord{Verb: "get", Path: "/metrics"}, true},
		"path below":                         {urls("/logs/*"), authorizer.AttributesRecord{Verb: "get", Path: "/logs/a/b"}, true},
		"path not below":                     {urls("/logs/"), authorizer.AttributesRecord{Verb: "get", Path: "/logs/a"}, false},
		"resources are no paths":             {urls("*"), pods, false},
	} {
		if got := Allows(&test.rule, test.asked); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// What a rule allows is what upstream finds that it covers: granting and using a right never disagree.
func TestAllowsWhatCovers(t *testing.T) {
	some := func(words ...string) *rapid.Generator[[]string] {
		return rapid.SliceOfN(rapid.SampledFrom(words), 0, 3)
	}
	verbs, groups := some("get", "list", "create", "*"), some("", "apps", "*")
	resources := some("pods", "pods/log", "deployments", "deployments/scale", "*/scale", "*")
	names, paths := some("a", "b"), some("/api", "/api/*", "/metrics", "/logs*", "*")
	rapid.Check(t, func(t *rapid.T) {
		held := rbacv1.PolicyRule{Verbs: verbs.Draw(t, "verbs")}
		if rapid.Bool().Draw(t, "of paths") {
			held.NonResourceURLs = paths.Draw(t, "paths")
		} else {
			held.APIGroups, held.Resources, held.ResourceNames = groups.Draw(t, "groups"), resources.Draw(t, "resources"), names.Draw(t, "names")
		}
		asked := authorizer.AttributesRecord{Verb: rapid.SampledFrom([]string{"get", "create", "delete"}).Draw(t, "verb")}
		needed := rbacv1.PolicyRule{Verbs: []string{asked.Verb}}
		if rapid.Bool().Draw(t, "ask for a path") {
			asked.Path = rapid.SampledFrom([]string{"/api", "/api/v1", "/metrics", "/logs", "/logs/a"}).Draw(t, "path")
			needed.NonResourceURLs = []string{asked.Path}
		} else {
			asked.ResourceRequest = true
			asked.APIGroup = rapid.SampledFrom([]string{"", "apps", "batch"}).Draw(t, "group")
			asked.Resource = rapid.SampledFrom([]string{"pods", "deployments"}).Draw(t, "resource")
			asked.Subresource = rapid.SampledFrom([]string{"", "log", "scale"}).Draw(t, "subresource")
			asked.Name = rapid.SampledFrom([]string{"", "a", "c"}).Draw(t, "name")
			full := asked.Resource
			if asked.Subresource != "" {
				full += "/" + asked.Subresource
			}
			needed.APIGroups, needed.Resources = []string{asked.APIGroup}, []string{full}
			if asked.Name != "" {
				needed.ResourceNames = []string{asked.Name}
			}
		}
		covers, _ := validation.Covers([]rbacv1.PolicyRule{held}, []rbacv1.PolicyRule{needed})
		if allows := Allows(&held, asked); allows != covers {
			t.Fatalf("%v: allows %v is %v, covers %v is %v", held, asked, allows, needed, covers)
		}
	})
}
