package reconcile

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// otherManagers are the field managers that own one of the changed fields, by the object's managed fields: those who changed
// them. A field that was removed has no owner any more; then the manager of the latest write but coracle's is named.
func otherManagers(live *unstructured.Unstructured, fields []FieldChange) []string {
	changed := map[string]bool{}
	for _, field := range fields {
		changed[field.Path] = true
	}
	var managers []string
	latest, latestTime := "", int64(0)
	for _, entry := range live.GetManagedFields() {
		if entry.Manager == Manager || entry.Subresource == "status" {
			continue
		}
		if entry.Time != nil && entry.Time.Unix() >= latestTime {
			latest, latestTime = entry.Manager, entry.Time.Unix()
		}
		if set := decodeFields(entry.FieldsV1); set != nil && ownsOneOf(set, changed) {
			managers = append(managers, entry.Manager)
		}
	}
	if len(managers) == 0 && latest != "" {
		managers = []string{latest}
	}
	slices.Sort(managers)
	return slices.Compact(managers)
}

func ownsOneOf(set *fieldpath.Set, changed map[string]bool) bool {
	found := false
	set.Iterate(func(path fieldpath.Path) {
		text := pathText(path)
		for changedPath := range changed {
			if text == changedPath || strings.HasPrefix(changedPath, text+".") || strings.HasPrefix(changedPath, text+"[") {
				found = true
			}
		}
	})
	return found
}

// pathText writes a path of managed fields as diffs write it: items of lists by their name.
func pathText(path fieldpath.Path) string {
	text := ""
	for _, element := range path {
		switch {
		case element.FieldName != nil:
			text = join(text, *element.FieldName)
		case element.Key != nil:
			for _, field := range *element.Key {
				if field.Name == "name" {
					text += "[" + field.Value.AsString() + "]"
				}
			}
		}
	}
	return text
}
