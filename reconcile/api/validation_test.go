package api

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// One document a fault in testdata/<resource>.create.yaml, named after it; all that is said of it in the golden file.
func TestWhatIsWrongWithNewObjects(t *testing.T) {
	eachManifest(t, "create", func(kind Kind, objects []runtime.Object) string {
		var text strings.Builder
		for _, obj := range objects {
			create(kind, obj)
			verdict(&text, kind, obj, judgeNew(kind, obj))
		}
		return text.String()
	})
}

// The first document of testdata/<resource>.update.yaml is stored; each of the others wants to replace it.
func TestWhatIsWrongWithUpdates(t *testing.T) {
	eachManifest(t, "update", func(kind Kind, objects []runtime.Object) string {
		var text strings.Builder
		old := objects[0]
		create(kind, old)
		for _, obj := range objects[1:] {
			Scheme.Default(obj)
			if kind.PrepareForUpdate != nil {
				kind.PrepareForUpdate(obj, old.DeepCopyObject())
			}
			var errs field.ErrorList
			if kind.Validate != nil {
				errs = kind.Validate(obj)
			}
			if kind.ValidateUpdate != nil {
				errs = append(errs, kind.ValidateUpdate(obj, old)...)
			}
			verdict(&text, kind, obj, errs)
		}
		return text.String()
	})
}

// eachManifest compares what judge says of each testdata/<resource>.<operation>.yaml with its golden file.
func eachManifest(t *testing.T, operation string, judge func(Kind, []runtime.Object) string) {
	seen := 0
	for _, kind := range Kinds() {
		name := strings.TrimSuffix(kind.Resource+"."+kind.Group, ".") + "." + operation
		if _, err := os.Stat(filepath.Join("testdata", name+".yaml")); err != nil {
			continue
		}
		seen++
		t.Run(name, func(t *testing.T) { golden(t, name, judge(kind, objectsIn(t, kind, name))) })
	}
	if seen == 0 {
		t.Fatalf("no testdata/*.%s.yaml", operation)
	}
}

func create(kind Kind, obj runtime.Object) {
	Scheme.Default(obj)
	if kind.PrepareForCreate != nil {
		kind.PrepareForCreate(obj)
	}
}

func judgeNew(kind Kind, obj runtime.Object) field.ErrorList {
	var errs field.ErrorList
	accessor, _ := meta.Accessor(obj)
	for _, message := range kind.ValidateName(accessor.GetName(), false) {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), accessor.GetName(), message))
	}
	if kind.Validate != nil {
		errs = append(errs, kind.Validate(obj)...)
	}
	if kind.ValidateCreate != nil {
		errs = append(errs, kind.ValidateCreate(obj)...)
	}
	return errs
}

// verdict writes the object's name and, below it, the errors, or the warnings of one that is allowed.
func verdict(text *strings.Builder, kind Kind, obj runtime.Object, errs field.ErrorList) {
	accessor, _ := meta.Accessor(obj)
	fmt.Fprintln(text, accessor.GetName())
	for _, err := range errs {
		fmt.Fprintln(text, "  error:", err)
	}
	if len(errs) > 0 || kind.Warnings == nil {
		return
	}
	for _, warning := range kind.Warnings(obj) {
		fmt.Fprintln(text, "  warning:", warning)
	}
}
