package manifest

import (
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kindHint guesses the kind that was meant.
func kindHint(gvk schema.GroupVersionKind, served []schema.GroupVersionKind) string {
	var names []string
	versions := map[string]schema.GroupVersionKind{}
	for _, candidate := range served {
		if candidate.Kind == gvk.Kind {
			return fmt.Sprintf("; use apiVersion: %s", candidate.GroupVersion())
		}
		if _, seen := versions[candidate.Kind]; !seen {
			names = append(names, candidate.Kind)
			versions[candidate.Kind] = candidate
		}
	}
	if name := nearest(gvk.Kind, names); name != "" {
		return fmt.Sprintf("; did you mean kind %s of %s?", name, versions[name].GroupVersion())
	}
	return ""
}

// fieldHint guesses the field that was meant, from those of the Go struct around it.
func fieldHint(t reflect.Type, steps []any) string {
	for _, step := range steps[:max(0, len(steps)-1)] {
		t = indirect(t)
		name, isName := step.(string)
		switch {
		case t.Kind() == reflect.Struct && isName:
			field, ok := jsonFields(t)[name]
			if !ok {
				return ""
			}
			t = field
		case t.Kind() == reflect.Slice, t.Kind() == reflect.Map:
			t = t.Elem()
		default:
			return ""
		}
	}
	t = indirect(t)
	last, ok := "", len(steps) > 0
	if ok {
		last, ok = steps[len(steps)-1].(string)
	}
	if !ok || t.Kind() != reflect.Struct {
		return ""
	}
	var names []string
	for name := range jsonFields(t) {
		names = append(names, name)
	}
	if name := nearest(last, names); name != "" {
		return fmt.Sprintf("; did you mean %s?", name)
	}
	return ""
}

func indirect(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// jsonFields are the fields of a struct by their names in JSON, those of embedded structs included.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			for name, inner := range jsonFields(indirect(field.Type)) {
				fields[name] = inner
			}
		case name != "" && name != "-":
			fields[name] = field.Type
		}
	}
	return fields
}

// nearest is the candidate with the fewest edits from word, if those are few for its length; letter case is free. Of several it
// is the first by name.
func nearest(word string, candidates []string) string {
	best, bestDistance := "", len(word)/4+2
	for _, candidate := range candidates {
		d := distance(strings.ToLower(word), strings.ToLower(candidate))
		if d < bestDistance || d == bestDistance && best != "" && candidate < best {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is Levenshtein's: how many letters are inserted, removed or replaced.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitution := diagonal
			if a[i] != b[j] {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitution, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
