package manifests

import (
	"io/fs"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"coracle.dev/coracle/reconcile/api"
)

// Every document is an object that the API takes, strictly, without an error; only Services are warned about, for
// nothing routes to them.
func TestManifestsAreTaken(t *testing.T) {
	kinds := map[schema.GroupVersionKind]api.Kind{}
	for _, kind := range api.Kinds() {
		kinds[kind.GroupVersionKind] = kind
	}
	decoder := serializer.NewCodecFactory(api.Scheme, serializer.EnableStrict).UniversalDeserializer()
	seen := 0
	for _, document := range documents(t) {
		text, err := yaml.YAMLToJSONStrict([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		obj, gvk, err := decoder.Decode(text, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		api.Scheme.Default(obj)
		judge(t, kinds[*gvk], obj)
		seen++
	}
	if seen != 4 {
		t.Errorf("%d objects, want 4", seen)
	}
}

func documents(t *testing.T) []string {
	t.Helper()
	names, err := fs.Glob(Files, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		text, err := fs.ReadFile(Files, name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Split(string(text), "\n---\n")...)
	}
	return all
}

func judge(t *testing.T, kind api.Kind, obj runtime.Object) {
	t.Helper()
	if kind.PrepareForCreate != nil {
		kind.PrepareForCreate(obj)
	}
	if errs := kind.Validate(obj); len(errs) > 0 {
		t.Errorf("%s: %v", kind.Kind, errs.ToAggregate())
	}
	if kind.Warnings != nil && kind.Kind != "Service" {
		if warnings := kind.Warnings(obj); len(warnings) > 0 {
			t.Errorf("%s: %q", kind.Kind, warnings)
		}
	}
}
