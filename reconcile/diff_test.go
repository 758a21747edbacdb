package reconcile

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func TestTheStampFollowsWhatIsChanged(t *testing.T) {
	object := func(commit, value string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"kind": "ConfigMap", "data": map[string]any{"key": value},
			"metadata": map[string]any{"annotations": map[string]any{v1alpha1.CommitAnnotation: commit}}}}
	}
	changes := diffObjects(object("one", "a"), object("two", "b"))
	if len(changes) != 1 || changes[0].Path != "data.key" {
		t.Errorf("changes %v, want the data's only", changes)
	}
	if alone := diffObjects(object("one", "a"), object("two", "a")); len(alone) != 1 {
		t.Errorf("changes %v: a stamp that somebody overwrote is a change", alone)
	}
}
