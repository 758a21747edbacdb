package reconcile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"coracle.dev/coracle/reconcile/api"
)

func nested(u *unstructured.Unstructured, value any, path ...string) {
	if err := unstructured.SetNestedField(u.Object, value, path...); err != nil {
		panic(err)
	}
}

// TestIsUpToDate has an applied Deployment, and says for each change of the manifest or the cluster whether it must be noticed.
func TestIsUpToDate(t *testing.T) {
	const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {team: shop}, creationTimestamp: null}
spec:
  selector: {matchLabels: {app: web}}
  strategy: {}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: false
      securityContext: {}
      containers:
      - {name: web, image: "web:v1", command: [a, b], resources: {limits: {cpu: 1000m, memory: 1024Mi}}, ports: [{containerPort: 80}, {containerPort: 53, protocol: UDP}], env: [{name: A, value: "1"}, {name: B}]}
      - {name: log, image: "log:v1"}
      volumes: [{name: tmp, emptyDir: {}}]
status: {}
`
	for name, test := range map[string]struct {
		change func(string) string // of the manifest
		edit   func(*unstructured.Unstructured)
		want   bool
	}{
		"as applied":              {want: true},
		"the same quantity":       {change: replacing("1000m", "'1'"), want: true},
		"a default stated":        {change: replacing("{containerPort: 80}", "{containerPort: 80, protocol: TCP}"), want: false}, // a new field to own
		"other image":             {change: replacing("web:v1", "web:v2")},
		"field added":             {change: replacing("  strategy: {}", "  strategy: {}\n  paused: true")},
		"field removed":           {change: replacing("image: \"web:v1\", command: [a, b]", "image: \"web:v1\"")},
		"label removed":           {change: replacing("labels: {team: shop}, ", "")},
		"item added":              {change: replacing("{name: log, image: \"log:v1\"}", "{name: log, image: \"log:v1\"}\n      - {name: more, image: \"log:v1\"}")},
		"item removed":            {change: replacing("\n      - {name: log, image: \"log:v1\"}", "")},
		"item renamed":            {change: replacing("name: log", "name: logs")},
		"order of items":          {change: replacing("{name: A, value: \"1\"}, {name: B}", "{name: B}, {name: A, value: \"1\"}")},
		"order of a list":         {change: replacing("[a, b]", "[b, a]")},
		"atomic mapping":          {change: replacing("matchLabels: {app: web}", "matchLabels: {app: web, tier: front}")},
		"edited by others":        {edit: func(u *unstructured.Unstructured) { nested(u, "other", "metadata", "labels", "team") }},
		"unstated field edited":   {edit: func(u *unstructured.Unstructured) { nested(u, int64(5), "spec", "replicas") }, want: true},
		"foreign label added":     {edit: func(u *unstructured.Unstructured) { nested(u, "y", "metadata", "labels", "x") }, want: true},
		"commit edited by others": {edit: func(u *unstructured.Unstructured) { nested(u, "fake", "metadata", "annotations", "coracle.dev/commit") }},
		"status":                  {edit: func(u *unstructured.Unstructured) { nested(u, int64(3), "status", "replicas") }, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			object := objects(t, manifest)[0]
			m := newModel()
			m.apply(bodyOf(object, testSet, stampFor("Deployment", Revision{ID: "1a2b3c4", Subject: "web", Author: "Ada"})), Manager)
			if test.edit != nil {
				m.edit(object.Key, "someone", test.edit)
			}
			if test.change != nil {
				changed := test.change(manifest)
				if changed == manifest {
					t.Fatal("the case changes nothing")
				}
				object = objects(t, changed)[0]
			}
			if got := isUpToDate(object, m.live[object.Key], testSet, api.Scheme); got != test.want {
				t.Errorf("up to date: %v, want %v", got, test.want)
			}
		})
	}
}

func replacing(old, new string) func(string) string {
	return func(text string) string { return strings.Replace(text, old, new, 1) }
}

func TestBodyIsWhatGitOwns(t *testing.T) {
	object := objects(t, `
apiVersion: v1
kind: Secret
metadata: {name: s, resourceVersion: "7", uid: u, annotations: {kubernetes.io/change-cause: mine}}
data: {a: QQ==, b: QQ==}
stringData: {b: B}
`)[0]
	got := bodyOf(object, testSet, stamp{Commit: "c0ffee", Cause: "c0ffee x (Ada)"}).Object
	want := map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{"name": "s", "namespace": "default",
			"labels":      map[string]any{"applyset.kubernetes.io/part-of": testSet},
			"annotations": map[string]any{"coracle.dev/commit": "c0ffee", "kubernetes.io/change-cause": "mine"}},
		"data": map[string]any{"a": "QQ==", "b": "Qg=="},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if _, still := object.Content.Object["stringData"]; !still || object.Content.GetLabels() != nil {
		t.Error("the shared content was changed")
	}
}

func TestDiffObjects(t *testing.T) {
	before := objects(t, "{apiVersion: example.org/v1, kind: Widget, metadata: {name: w, labels: {a.b/c: x}}, spec: {list: [1, 2], named: [{name: a, v: 1}, {name: b}], same: {x: 1}, gone: true}}")[0].Content
	after := objects(t, "{apiVersion: example.org/v1, kind: Widget, metadata: {name: w, labels: {a.b/c: z}}, spec: {list: [1, 3, 4], named: [{name: b}, {name: a, v: 2}], same: {x: 1.0}, long: \""+strings.Repeat("x", 300)+"\"}}")[0].Content
	want := []FieldChange{
		{Path: "metadata.labels[a.b/c]", Old: `"x"`, New: `"z"`},
		{Path: "spec.gone", Old: "true"},
		{Path: "spec.list[1]", Old: "2", New: "3"},
		{Path: "spec.list[2]", New: "4"},
		{Path: "spec.long", New: `"` + strings.Repeat("x", 199) + "…"},
		{Path: "spec.named[a].v", Old: "1", New: "2"},
	}
	if diff := cmp.Diff(want, diffObjects(before, after)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	reordered := objects(t, "{apiVersion: example.org/v1, kind: Widget, metadata: {name: w}, spec: {named: [{name: b}, {name: a}]}}")[0].Content
	ordered := objects(t, "{apiVersion: example.org/v1, kind: Widget, metadata: {name: w}, spec: {named: [{name: a}, {name: b}]}}")[0].Content
	if diff := cmp.Diff([]FieldChange{{Path: "spec.named", Old: "order b, a", New: "order a, b"}}, diffObjects(reordered, ordered)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
