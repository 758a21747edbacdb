package namespace

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"
)

var (
	podsV1      = corev1.SchemeGroupVersion.WithResource("pods")
	configMaps  = corev1.SchemeGroupVersion.WithResource("configmaps")
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
)

func TestPlanContent(t *testing.T) {
	for name, c := range map[string]struct {
		contents []Content
		want     Plan
	}{
		"empty":                 {[]Content{{Resource: podsV1}, {Resource: configMaps}}, Plan{Finalize: true}},
		"pods first":            {[]Content{{Resource: configMaps, Count: 1, Unmarked: 1}, {Resource: podsV1, Count: 2, Unmarked: 2}}, Plan{Delete: []schema.GroupVersionResource{podsV1}}},
		"pods still stop":       {[]Content{{Resource: configMaps, Count: 1, Unmarked: 1}, {Resource: podsV1, Count: 2}}, Plan{}},
		"then the rest":         {[]Content{{Resource: configMaps, Count: 1, Unmarked: 1}, {Resource: podsV1}, {Resource: deployments, Count: 1}}, Plan{Delete: []schema.GroupVersionResource{configMaps}}},
		"pods cannot be listed": {[]Content{{Resource: podsV1, Unknown: true}, {Resource: configMaps, Count: 1, Unmarked: 1}}, Plan{}},
		"others cannot be listed": {[]Content{{Resource: podsV1}, {Resource: configMaps, Unknown: true}, {Resource: deployments, Count: 1, Unmarked: 1}},
			Plan{Delete: []schema.GroupVersionResource{deployments}}},
		"nothing known to be left": {[]Content{{Resource: podsV1}, {Resource: configMaps, Unknown: true}}, Plan{}},
	} {
		if diff := cmp.Diff(c.want, PlanContent(c.contents)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestPlanContentEnds plays any contents: Pods that take several looks to stop, objects held by finalizers for a while.
func TestPlanContentEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		contents := []Content{}
		for _, resource := range []schema.GroupVersionResource{configMaps, podsV1, deployments} {
			n := rapid.IntRange(0, 3).Draw(t, resource.Resource)
			contents = append(contents, Content{Resource: resource, Count: n, Unmarked: n})
		}
		for range 100 {
			plan := PlanContent(contents)
			if plan.Finalize {
				for _, c := range contents {
					if c.Count > 0 {
						t.Fatalf("finalized with %d %s", c.Count, c.Resource.Resource)
					}
				}
				return
			}
			pods := contents[1].Count
			for i := range contents {
				if slices.Contains(plan.Delete, contents[i].Resource) {
					if contents[i].Unmarked == 0 {
						t.Fatalf("%s deleted twice", contents[i].Resource.Resource)
					}
					if i != 1 && pods > 0 {
						t.Fatalf("%s deleted before the Pods have gone", contents[i].Resource.Resource)
					}
					contents[i].Unmarked = 0
				}
				if contents[i].Count > contents[i].Unmarked && rapid.Bool().Draw(t, "goes") {
					contents[i].Count--
				}
			}
		}
	})
}

func TestConditions(t *testing.T) {
	then, now := metav1.NewTime(time.Unix(0, 0)), metav1.NewTime(time.Unix(60, 0))
	mine := corev1.NamespaceCondition{Type: "Mine", Status: corev1.ConditionTrue}
	first, news := Conditions([]corev1.NamespaceCondition{mine}, []Content{{Resource: podsV1, Count: 2}}, nil, then)
	if !news || len(first) != 6 || first[0] != mine {
		t.Fatalf("first: news %v, %v", news, first)
	}
	if again, news := Conditions(first, []Content{{Resource: podsV1, Count: 2}}, nil, now); news || !cmp.Equal(first, again) {
		t.Errorf("the same is news: %s", cmp.Diff(first, again))
	}
	contents := []Content{
		{Resource: podsV1, Count: 1},
		{Resource: deployments, Count: 2, Finalizers: map[string]int{"b": 1, "a": 2}},
	}
	second, news := Conditions(first, contents, []error{errors.New("delete x: no")}, now)
	if !news {
		t.Error("no news")
	}
	want := []corev1.NamespaceCondition{
		mine,
		{Type: "NamespaceDeletionDiscoveryFailure", Status: "False", LastTransitionTime: then, Reason: "ResourcesDiscovered", Message: "All resources successfully discovered"},
		{Type: "NamespaceDeletionGroupVersionParsingFailure", Status: "False", LastTransitionTime: then, Reason: "ParsedGroupVersions", Message: "All legacy kube types successfully parsed"},
		{Type: "NamespaceDeletionContentFailure", Status: "True", LastTransitionTime: now, Reason: "ContentDeletionFailed", Message: "Failed to delete all resource types, 1 remaining: delete x: no"},
		{Type: "NamespaceContentRemaining", Status: "True", LastTransitionTime: then, Reason: "SomeResourcesRemain", Message: "Some resources are remaining: deployments.apps has 2 resource instances, pods. has 1 resource instances"},
		{Type: "NamespaceFinalizersRemaining", Status: "True", LastTransitionTime: now, Reason: "SomeFinalizersRemain", Message: "Some content in the namespace has finalizers remaining: a in 2 resource instances, b in 1 resource instances"},
	}
	if diff := cmp.Diff(want, second); diff != "" {
		t.Error(diff)
	}
}
