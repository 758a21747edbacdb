package reconcile

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/managedfields/managedfieldstest"
	"k8s.io/client-go/applyconfigurations"
	clientscheme "k8s.io/client-go/kubernetes/scheme"

	"coracle.dev/coracle/reconcile/api"
	"coracle.dev/coracle/reconcile/manifest"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// golden compares with testdata/<name>.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// model is a cluster made of upstream's managed fields alone: what server-side apply does to objects, and nothing else.
type model struct {
	live     map[manifest.Key]*unstructured.Unstructured
	versions int
}

func newModel() *model { return &model{live: map[manifest.Key]*unstructured.Unstructured{}} }

var (
	typedFields   = applyconfigurations.NewTypeConverter(clientscheme.Scheme)
	deducedFields = managedfields.NewDeducedTypeConverter()
)

func fieldsOf(gvk schema.GroupVersionKind) *managedfields.FieldManager {
	converter := deducedFields
	if clientscheme.Scheme.Recognizes(gvk) {
		converter = typedFields
	}
	return managedfieldstest.NewFakeFieldManager(converter, gvk)
}

// try is what apply would make of an object, with the defaults of its kind.
func (m *model) try(body *unstructured.Unstructured, manager string) *unstructured.Unstructured {
	live := m.live[manifest.KeyOf(body)]
	if live == nil {
		live = &unstructured.Unstructured{Object: map[string]any{}}
		live.SetGroupVersionKind(body.GroupVersionKind())
		live.SetName(body.GetName())
		live.SetNamespace(body.GetNamespace())
	}
	after, err := fieldsOf(body.GroupVersionKind()).Apply(live.DeepCopy(), body.DeepCopy(), manager, true)
	if err != nil {
		panic(err)
	}
	return stored(after.(*unstructured.Unstructured))
}

// stored gives an object the defaults that a server would.
func stored(object *unstructured.Unstructured) *unstructured.Unstructured {
	managed := object.GetManagedFields()
	full := &unstructured.Unstructured{Object: normalise(api.Scheme, object)}
	full.SetGroupVersionKind(object.GroupVersionKind())
	full.SetManagedFields(managed)
	return full
}

func (m *model) apply(body *unstructured.Unstructured, manager string) {
	m.write(m.try(body, manager))
}

func (m *model) write(object *unstructured.Unstructured) {
	m.versions++
	if object.GetUID() == "" {
		object.SetUID(types.UID(fmt.Sprintf("uid-%d", m.versions)))
	}
	object.SetResourceVersion(fmt.Sprint(m.versions))
	m.live[manifest.KeyOf(object)] = object
}

// edit changes an object as another manager would, with an ordinary update.
func (m *model) edit(key manifest.Key, manager string, change func(*unstructured.Unstructured)) {
	edited := m.live[key].DeepCopy()
	change(edited)
	after := fieldsOf(edited.GroupVersionKind()).UpdateNoErrors(m.live[key], edited, manager)
	m.write(after.(*unstructured.Unstructured))
}

const testSet = "applyset-test-v1"

// observe is what a planner would know.
func (m *model) observe(desired []manifest.Object) Observed {
	o := Observed{Application: "default/app", SetID: testSet, Revision: Revision{ID: "1a2b3c4"}, Desired: desired, Prune: true,
		Live: map[manifest.Key]*unstructured.Unstructured{}, Trials: map[manifest.Key]Trial{}, Applied: map[manifest.Key]string{}}
	for key, live := range m.live {
		o.Live[key] = live
	}
	for _, object := range Suspects(o, api.Scheme) {
		live := o.Live[object.Key]
		o.Trials[object.Key] = Trial{After: m.try(bodyOf(object, testSet, stampOf(live, ownedFields(live))), Manager)}
	}
	return o
}

// carryOut does what an executor would.
func (m *model) carryOut(plan Plan) {
	for _, item := range plan.Items {
		switch item.Action {
		case ActionCreate, ActionChange:
			m.apply(bodyOf(*item.object, testSet, stampFor(item.Kind, plan.Revision)), Manager)
		case ActionPrune:
			delete(m.live, item.Key)
		}
	}
}

// objects loads manifests from one file.
func objects(t testing.TB, text string) []manifest.Object {
	t.Helper()
	return objectsIn(t, fstest.MapFS{"all.yaml": {Data: []byte(text)}})
}

func objectsIn(t testing.TB, tree fstest.MapFS) []manifest.Object {
	t.Helper()
	loaded, errs := manifest.Load(tree, manifest.Options{
		Scheme: api.Scheme,
		Served: func(kind schema.GroupVersionKind) (bool, bool) { return kind.Kind != "Namespace", true },
	})
	for _, err := range errs {
		t.Fatal(err)
	}
	return loaded
}

func deletionNow(object *unstructured.Unstructured) {
	now := metav1.Now()
	object.SetDeletionTimestamp(&now)
}
