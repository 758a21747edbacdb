package reconcile

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

// FieldChange is one field of an object that differs. Old and New are JSON on one line, cut where they are long;
// "" means that the field is not there.
type FieldChange struct {
	Path string `json:"path"` // as spec.template.spec.containers[web].image
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// maxValue is how many bytes of a value are shown.
const maxValue = 200

// diffObjects lists the fields that differ between what is live and what it would become, in the order of their paths. What
// the server counts and stamps by itself is left out. Values of Secrets are hidden.
func diffObjects(live, after *unstructured.Unstructured) []FieldChange {
	d := differ{}
	if live.GetKind() == "Secret" && live.GroupVersionKind().Group == "" {
		d.hidden = []string{"data", "stringData", "metadata.annotations[" + lastAppliedAnnotation + "]"}
	}
	d.value("", withoutServerFields(live.Object), withoutServerFields(after.Object))
	if len(d.changes) > 1 { // the stamp follows what is changed; alone, it is somebody's own doing
		d.changes = slices.DeleteFunc(d.changes, func(c FieldChange) bool { return c.Path == commitPath })
	}
	sort.SliceStable(d.changes, func(i, j int) bool { return d.changes[i].Path < d.changes[j].Path })
	return d.changes
}

const commitPath = "metadata.annotations[" + v1alpha1.CommitAnnotation + "]"

const lastAppliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration"

func withoutServerFields(object map[string]any) map[string]any {
	result := make(map[string]any, len(object))
	for key, value := range object {
		if key != "status" {
			result[key] = value
		}
	}
	stated, _ := object["metadata"].(map[string]any)
	metadata := make(map[string]any, len(stated))
	for key, value := range stated {
		if !serverFields[key] {
			metadata[key] = value
		}
	}
	result["metadata"] = metadata
	return result
}

type differ struct {
	hidden  []string
	changes []FieldChange
}

func (d *differ) value(path string, old, new any) {
	if equalValues(old, new) {
		return
	}
	switch old := old.(type) {
	case map[string]any:
		if new, ok := new.(map[string]any); ok {
			d.mapping(path, old, new)
			return
		}
	case []any:
		if new, ok := new.([]any); ok {
			d.list(path, old, new)
			return
		}
	}
	d.changes = append(d.changes, FieldChange{Path: path, Old: d.text(path, old), New: d.text(path, new)})
}

func (d *differ) mapping(path string, old, new map[string]any) {
	for key, value := range old {
		d.value(join(path, key), value, new[key])
	}
	for key, value := range new {
		if _, both := old[key]; !both {
			d.value(join(path, key), nil, value)
		}
	}
}

// list compares items by their names where all have one, else by their places.
func (d *differ) list(path string, old, new []any) {
	oldNames, newNames := names(old), names(new)
	if oldNames == nil || newNames == nil {
		for i := range max(len(old), len(new)) {
			d.value(fmt.Sprintf("%s[%d]", path, i), item(old, i), item(new, i))
		}
		return
	}
	for i, name := range oldNames {
		d.value(fmt.Sprintf("%s[%s]", path, name), old[i], item(new, slices.Index(newNames, name)))
	}
	for i, name := range newNames {
		if !slices.Contains(oldNames, name) {
			d.value(fmt.Sprintf("%s[%s]", path, name), nil, new[i])
		}
	}
	if len(d.changes) == 0 && !slices.Equal(oldNames, newNames) {
		d.changes = append(d.changes, FieldChange{Path: path, Old: "order " + strings.Join(oldNames, ", "), New: "order " + strings.Join(newNames, ", ")})
	}
}

func item(list []any, i int) any {
	if i < 0 || i >= len(list) {
		return nil
	}
	return list[i]
}

// names of all items, or nil where one has none or two have the same.
func names(list []any) []string {
	found := make([]string, 0, len(list))
	for _, item := range list {
		mapping, _ := item.(map[string]any)
		name, _ := mapping["name"].(string)
		if name == "" || slices.Contains(found, name) {
			return nil
		}
		found = append(found, name)
	}
	return found
}

// join appends a key; one that is no plain name is put in brackets.
func join(path, key string) string {
	if strings.ContainsAny(key, "./[]") {
		return path + "[" + key + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *differ) text(path string, value any) string {
	if value == nil {
		return ""
	}
	for _, hidden := range d.hidden {
		if path == hidden || strings.HasPrefix(path, hidden+".") || strings.HasPrefix(path, hidden+"[") {
			return "(hidden)"
		}
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	if len(encoded) > maxValue {
		return strings.ToValidUTF8(string(encoded[:maxValue]), "") + "…"
	}
	return string(encoded)
}
