package reconcile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"coracle.dev/coracle/reconcile/manifest"
)

const shop = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:v1", resources: {requests: {cpu: 1000m, memory: 1024Mi}}, ports: [{containerPort: 80}, {containerPort: 53, protocol: UDP}], env: [{name: A, value: "1"}, {name: B, value: "2"}]}
      - {name: log, image: "log:v1", command: [log, -f]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: shop}
stringData: {password: hunter2}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: early, annotations: {coracle.dev/sync-wave: "-1"}}
data: {a: "1"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: late, annotations: {argocd.argoproj.io/sync-wave: "5"}}
---
apiVersion: example.org/v1
kind: Widget
metadata: {name: w}
spec: {size: 3, parts: [1, 2.5, {deep: true}], empty: {}}
`

func text(plan Plan) string {
	var b strings.Builder
	if err := plan.PrintText(&b, false); err != nil {
		panic(err)
	}
	return b.String()
}

// TestPlanStory plays a tree through a cluster, and keeps a trace of what is planned at each step.
func TestPlanStory(t *testing.T) {
	m, trace := newModel(), &strings.Builder{}
	tree := objects(t, shop)
	step := func(what string, desired []manifest.Object, change func(*Observed)) {
		o := m.observe(desired)
		for _, object := range tree {
			o.Applied[object.Key] = object.Digest
		}
		if change != nil {
			change(&o)
		}
		plan := BuildPlan(o)
		fmt.Fprintf(trace, "== %s\n%s\n", what, text(plan))
		m.carryOut(plan)
	}
	key := func(kind, name string) manifest.Key {
		for _, object := range tree {
			if object.Kind == kind && object.Name == name {
				return object.Key
			}
		}
		t.Fatalf("no %s %s", kind, name)
		return manifest.Key{}
	}
	step("empty cluster", tree, func(o *Observed) { o.Applied = nil })
	step("nothing to do", tree, nil)

	m.edit(key("Deployment", "web"), "kubectl-scale", func(d *unstructured.Unstructured) {
		_ = unstructured.SetNestedField(d.Object, int64(5), "spec", "replicas")
	})
	m.edit(key("Secret", "keys"), "kubectl-edit", func(s *unstructured.Unstructured) {
		_ = unstructured.SetNestedField(s.Object, "c2VjcmV0", "data", "password")
	})
	delete(m.live, key("Service", "web"))
	step("drift", tree, nil)

	changed := objects(t, strings.NewReplacer("web:v1", "web:v2", `{name: A, value: "1"}, {name: B, value: "2"}`, `{name: B, value: "3"}`,
		"command: [log, -f]", "args: [-f]", "size: 3", "size: 4", `data: {a: "1"}`, "").Replace(shop))
	step("new commit", changed, nil)
	step("nothing to do after it", changed, nil)

	less := slices.DeleteFunc(slices.Clone(changed), func(o manifest.Object) bool { return o.Kind == "ConfigMap" || o.Kind == "Deployment" })
	step("with a problem, nothing is pruned", less, func(o *Observed) { o.Problems = []string{"web.yaml:3: not valid YAML"} })
	step("empty tree", nil, nil)
	step("without a namespace that others use", slices.DeleteFunc(slices.Clone(less), func(o manifest.Object) bool { return o.Kind == "Namespace" }),
		func(o *Observed) { o.Foreign = map[string][]string{"shop": {"Pod shop/mine"}} })
	step("pruning is off", less[:1], func(o *Observed) { o.Prune = false })
	step("pruned", less[:1], nil)
	golden(t, "story", trace.String())
}

func TestPlanOfManyLinesAndColours(t *testing.T) {
	o := newModel().observe(objects(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}"))
	o.Trials[o.Desired[0].Key] = Trial{Refused: "is invalid:\n* one\n* two"}
	var b strings.Builder
	if err := BuildPlan(o).PrintText(&b, true); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[35m! ConfigMap default/a  all.yaml:1  is invalid: * one * two\x1b[0m\n\x1b[32m+ ConfigMap default/b  all.yaml:3  is not there\x1b[0m\n" +
		"default/app at 1a2b3c4: 1 to create, 0 to change, 0 to prune, 0 left alone, 1 refused\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestPlanAsJSON(t *testing.T) {
	m := newModel()
	plan := BuildPlan(m.observe(objects(t, shop)[:2]))
	var b strings.Builder
	if err := plan.PrintJSON(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.json", b.String())
}

// TestPruneRules has one object a rule, all gone from the tree.
func TestPruneRules(t *testing.T) {
	m := newModel()
	all := objects(t, `
{apiVersion: v1, kind: ConfigMap, metadata: {name: plain}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: flux, annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: argo, annotations: {argocd.argoproj.io/sync-options: "Validate=false, Prune=false"}}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: own, annotations: {coracle.dev/prune: disabled}}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: confirm, annotations: {coracle.dev/prune: confirm}}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: going}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: owned}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: stays}}
`)
	m.carryOut(BuildPlan(m.observe(all)))
	m.apply(bodyOf(objects(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: copied}}")[0], testSet, stamp{}), "kubectl")
	for key, live := range m.live {
		switch key.Name {
		case "going":
			deletionNow(live)
		case "owned":
			_ = unstructured.SetNestedSlice(live.Object, []any{map[string]any{"controller": true, "kind": "Widget", "name": "w", "uid": "u", "apiVersion": "v1"}},
				"metadata", "ownerReferences")
		}
	}
	var got []string
	for _, item := range BuildPlan(m.observe(all[len(all)-1:])).Items {
		got = append(got, fmt.Sprintf("%s %s: %s", item.Action, item.Name, item.Reason))
	}
	want := []string{
		"keep stays: is up to date",
		"hold data: left the source, but may hold data; delete it by hand",
		"prune plain: left the source",
		"keep owned: belongs to a controller",
		"keep own: left the source, and its annotations forbid pruning",
		"keep going: is being deleted",
		"keep flux: left the source, and its annotations forbid pruning",
		"keep copied: carries the label of this application, but coracle did not apply it",
		"hold confirm: left the source, and asks for a person to delete it (coracle.dev/prune: confirm)",
		"keep argo: left the source, and its annotations forbid pruning",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// drawTree draws objects of random kinds, names and contents.
func drawTree(t *rapid.T, label string) string {
	var b strings.Builder
	seen := map[string]bool{}
	for range rapid.IntRange(1, 8).Draw(t, label) {
		kind := rapid.SampledFrom([]string{"ConfigMap", "Widget", "Namespace"}).Draw(t, "kind")
		name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
		namespace := rapid.SampledFrom([]string{"p", "q"}).Draw(t, "namespace")
		if kind == "Namespace" {
			namespace = ""
		}
		if id := kind + namespace + name; seen[id] {
			continue
		} else {
			seen[id] = true
		}
		version, field := "v1", "data"
		if kind == "Widget" {
			version, field = "example.org/v1", "spec"
		}
		fmt.Fprintf(&b, "---\napiVersion: %s\nkind: %s\nmetadata: {name: %s", version, kind, name)
		if namespace != "" {
			fmt.Fprintf(&b, ", namespace: %s", namespace)
		}
		fmt.Fprintf(&b, ", annotations: {coracle.dev/sync-wave: '%d'}}\n", rapid.IntRange(-1, 1).Draw(t, "wave"))
		if data := rapid.MapOfN(rapid.SampledFrom([]string{"k", "l", "m"}), rapid.StringMatching(`[a-z0-9]{0,4}`), 0, 3).Draw(t, "data"); kind != "Namespace" {
			fmt.Fprintf(&b, "%s: {", field)
			for _, key := range []string{"k", "l", "m"} {
				if value, ok := data[key]; ok {
					fmt.Fprintf(&b, "%s: %q, ", key, value)
				}
			}
			b.WriteString("}\n")
		}
	}
	return b.String()
}

// TestPlans holds for any trees and any meddling: what is planned leads to where nothing is left to plan; the order of the input
// does not matter; what others made is never pruned, whatever its labels.
func TestPlans(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel()
		foreign := map[manifest.Key]bool{}
		for _, object := range objects(t, strings.ReplaceAll(drawTree(rt, "foreign"), "name: ", "name: foreign-")) {
			m.apply(bodyOf(object, testSet, stamp{}), "someone")
			foreign[object.Key] = true
		}
		for range rapid.IntRange(1, 4).Draw(rt, "commits") {
			desired := objects(t, drawTree(rt, "tree"))
			plan := BuildPlan(m.observe(desired))

			shuffled := slices.Clone(desired)
			rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			if diff := cmp.Diff(text(plan), text(BuildPlan(m.observe(shuffled)))); diff != "" {
				rt.Fatalf("shuffled input gives another plan:\n%s", diff)
			}
			m.carryOut(plan)
			if again := BuildPlan(m.observe(desired)); !again.Empty() {
				rt.Fatalf("after it was carried out, the plan is not empty:\n%s", text(again))
			}
			if suspects := Suspects(m.observe(desired), nil); len(suspects) > 0 {
				rt.Fatalf("what is up to date costs a dry run: %v\nlive %v", suspects[0].Content, m.live[suspects[0].Key])
			}
			for key := range foreign {
				if m.live[key] == nil {
					rt.Fatalf("%s, which others made, was pruned", key)
				}
			}
			for _, object := range desired {
				if object.Kind != "Namespace" && rapid.Bool().Draw(rt, "meddle") {
					m.edit(object.Key, "someone", func(u *unstructured.Unstructured) {
						_ = unstructured.SetNestedField(u.Object, "meddled", "data", "k")
					})
				}
			}
		}
	})
}

func BenchmarkPlan10000(b *testing.B) {
	var text strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\ndata: {key: value}\n", i)
	}
	desired := objects(b, text.String())
	m := newModel()
	m.carryOut(BuildPlan(m.observe(desired)))
	o := m.observe(desired)
	b.Run("all compared", func(b *testing.B) {
		for b.Loop() {
			if len(Suspects(o, nil)) > 0 || !BuildPlan(o).Empty() {
				b.Fatal("not empty")
			}
		}
	})
	b.Run("all remembered", func(b *testing.B) {
		remembered := &memory{}
		remembered.remember(o)
		p := planner{memory: remembered}
		for b.Loop() {
			if len(p.suspects(o)) > 0 || !BuildPlan(o).Empty() {
				b.Fatal("not empty")
			}
		}
	})
}
