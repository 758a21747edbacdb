package reconcile

import (
	"encoding/json"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// upToDate says whether applying body would leave live as it is, without asking the server. It is true only if that is certain: every field
// of body is coracle's by live's managed fields and has the value that live has, and coracle owns nothing else. What is
// not certain costs one dry run.
//
// The managed fields lead the way: they know which lists are keyed and by what, for kinds of which we have no Go
// type too. normal is body with its defaults and values as the server writes them ("1000m" is "1"); see normalise.
func upToDate(body, normal, live map[string]any, owned *fieldpath.Set) bool {
	if owned == nil {
		return false
	}
	return mapping(body, normal, live, owned, 0, "")
}

// ownedFields are those that coracle owns by server-side apply, or nil.
func ownedFields(live *unstructured.Unstructured) *fieldpath.Set {
	// Read as it is, since converting the entries of all managers costs more than all else in a comparison.
	entries, _, _ := unstructured.NestedFieldNoCopy(live.Object, "metadata", "managedFields")
	list, _ := entries.([]any)
	for _, entry := range list {
		fields, _ := entry.(map[string]any)
		if fields["manager"] != Manager || fields["operation"] != string(metav1.ManagedFieldsOperationApply) || !isEmptyText(fields["subresource"]) {
			continue
		}
		encoded, err := json.Marshal(fields["fieldsV1"])
		if err != nil {
			return nil
		}
		return decodeFields(metav1.NewFieldsV1(string(encoded)))
	}
	return nil
}

func isEmptyText(value any) bool { return value == nil || value == "" }

// decodeFields gives nil for what is none.
func decodeFields(fields *metav1.FieldsV1) *fieldpath.Set {
	if fields == nil {
		return nil
	}
	set := &fieldpath.Set{}
	if err := set.FromJSON(fields.GetRawReader()); err != nil {
		return nil
	}
	return set
}

// normalise gives body as the server would store it. Kinds that the scheme does not know come back as they are.
func normalise(scheme *runtime.Scheme, body *unstructured.Unstructured) map[string]any {
	if scheme == nil || !scheme.Recognizes(body.GroupVersionKind()) {
		return body.Object
	}
	typed, err := scheme.New(body.GroupVersionKind())
	if err != nil {
		return body.Object
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(body.Object, typed); err != nil {
		return body.Object
	}
	scheme.Default(typed)
	normal, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return body.Object
	}
	return normal
}

// unowned are fields that server-side apply never records, by their parent.
var unowned = map[string]map[string]bool{
	"":         {"apiVersion": true, "kind": true},
	"metadata": {"name": true, "namespace": true},
}

// mapping compares the fields of a mapping; parent is the name of a field of the object itself, or "".
func mapping(body, normal, live map[string]any, owned *fieldpath.Set, depth int, parent string) bool {
	matched := 0
	for key, wanted := range body {
		if depth <= 1 && unowned[parent][key] {
			continue
		}
		element := fieldpath.FieldNameElement(key)
		if children, ok := owned.Children.Get(element); ok {
			if !node(wanted, normal[key], live[key], children, depth+1, key) {
				return false
			}
		} else if !owned.Members.Has(element) || !equalLeaf(wanted, normal, live, key) {
			return false
		}
		matched++
	}
	return matched == ownedNames(owned)
}

// ownedNames counts the fields of a mapping that coracle owns, or owns a part of.
func ownedNames(owned *fieldpath.Set) int {
	count := owned.Members.Size()
	owned.Children.Iterate(func(element fieldpath.PathElement) {
		if !owned.Members.Has(element) {
			count++
		}
	})
	return count
}

// equalLeaf compares what is one value to the server. An empty mapping says only that the field is there: what defaults add is
// not Git's.
func equalLeaf(wanted any, normal, live map[string]any, key string) bool {
	found := live[key]
	if mapping, ok := wanted.(map[string]any); ok && len(mapping) == 0 {
		_, isMapping := found.(map[string]any)
		return isMapping || found == nil
	}
	return equalValues(normal[key], found)
}

func node(body, normal, live any, owned *fieldpath.Set, depth int, parent string) bool {
	switch body := body.(type) {
	case map[string]any:
		liveMapping, ok := live.(map[string]any)
		if !ok && live != nil {
			return false
		}
		normalMapping, _ := normal.(map[string]any)
		return mapping(body, normalMapping, liveMapping, owned, depth, parent)
	case []any:
		liveList, _ := live.([]any)
		normalList, _ := normal.([]any)
		if len(normalList) != len(body) {
			return false
		}
		return list(body, normalList, liveList, owned, depth)
	}
	return false
}

// list compares a list that the server merges by keys or as a set. The order counts too: to applications it often matters.
func list(body, normal, live []any, owned *fieldpath.Set, depth int) bool {
	elements := map[string]bool{}
	var keys []string
	add := func(element fieldpath.PathElement) {
		elements[element.String()] = true
		if element.Key != nil && keys == nil {
			for _, field := range *element.Key {
				keys = append(keys, field.Name)
			}
		}
	}
	owned.Members.Iterate(add)
	owned.Children.Iterate(add)
	if len(elements) != len(body) {
		return false
	}
	at := 0
	for i := range body {
		element := elementOf(normal[i], keys)
		if !elements[element.String()] {
			return false
		}
		for at < len(live) && !elementOf(live[at], keys).Equals(element) {
			at++
		}
		if at == len(live) {
			return false
		}
		if children, ok := owned.Children.Get(element); ok && !node(body[i], normal[i], live[at], children, depth+1, "") {
			return false
		}
		at++
	}
	return true
}

// elementOf names an item of a list as managed fields do: by its keys, or by its value.
func elementOf(item any, keys []string) fieldpath.PathElement {
	mapping, ok := item.(map[string]any)
	if !ok || len(keys) == 0 {
		return fieldpath.ValueElement(value.NewValueInterface(item))
	}
	fields := make(value.FieldList, 0, len(keys))
	for _, key := range keys {
		fields = append(fields, value.Field{Name: key, Value: value.NewValueInterface(mapping[key])})
	}
	fields.Sort()
	return fieldpath.PathElement{Key: &fields}
}

// equalValues compares two JSON values; 1 and 1.0 are equal, as are a missing value and an empty one.
func equalValues(a, b any) bool {
	if isEmpty(a) && isEmpty(b) {
		return true
	}
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			return false
		}
		for key := range a {
			if !equalValues(a[key], b[key]) {
				return false
			}
		}
		for key := range b {
			if _, both := a[key]; !both && !isEmpty(b[key]) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equalValues(a[i], b[i]) {
				return false
			}
		}
		return true
	case int64:
		if b, ok := b.(float64); ok {
			return float64(a) == b
		}
	case float64:
		if b, ok := b.(int64); ok {
			return a == float64(b)
		}
	}
	return reflect.DeepEqual(a, b)
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}
