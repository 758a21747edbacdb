package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"
)

// checkForm refuses what no server would take, whatever the kind.
func checkForm(d document) []*Error {
	text := func(value any) string { s, _ := value.(string); return s }
	for _, field := range []string{"apiVersion", "kind"} {
		if text(d.content.Object[field]) == "" {
			return []*Error{d.errorf(d.line(field), "%s is missing; if this is no manifest, move it out of the path", field)}
		}
	}
	var errs []*Error
	metadata, ok := d.content.Object["metadata"].(map[string]any)
	if !ok {
		return append(errs, d.errorf(d.line("metadata"), "metadata.name is missing"))
	}
	switch name := text(metadata["name"]); {
	case metadata["generateName"] != nil:
		errs = append(errs, d.errorf(d.line("metadata", "generateName"),
			"metadata.generateName would make a new object at each sync; give the object a metadata.name"))
	case name == "":
		errs = append(errs, d.errorf(d.positions.name, "metadata.name is missing or not text; put it in quotes"))
	}
	if namespace, stated := metadata["namespace"]; stated && text(namespace) == "" && namespace != nil {
		errs = append(errs, d.errorf(d.positions.namespace, "metadata.namespace is not text; put it in quotes"))
	}
	for _, field := range []string{"labels", "annotations"} {
		values, _ := metadata[field].(map[string]any)
		for key, value := range values {
			if _, ok := value.(string); !ok {
				errs = append(errs, d.errorf(d.line("metadata", field, key), "metadata.%s[%s] is not text; put its value in quotes", field, key))
			}
		}
	}
	return errs
}

// checkFields decodes into the Go type, where there is one, and refuses fields that the type does not have.
func checkFields(d document, scheme *runtime.Scheme) []*Error {
	if scheme == nil || !scheme.Recognizes(d.content.GroupVersionKind()) {
		return nil
	}
	into, err := scheme.New(d.content.GroupVersionKind())
	if err != nil {
		return []*Error{d.errorf(0, "%v", err)}
	}
	encoded := d.encoded
	if encoded == nil {
		if encoded, err = json.Marshal(d.content.Object); err != nil {
			return []*Error{d.errorf(0, "%v", err)}
		}
	}
	strict, err := kjson.UnmarshalStrict(encoded, into)
	if err != nil {
		return []*Error{d.decodeError(err)}
	}
	var errs []*Error
	for _, err := range strict {
		errs = append(errs, d.strictError(err, into))
	}
	return errs
}

// decodeError says which field has a value of the wrong type.
func (d document) decodeError(err error) *Error {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return d.errorf(0, "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	field, steps := mismatch.Field, parsePath(mismatch.Field)
	if key := wrongText(d.valueAt(steps), mismatch.Type); key != "" {
		// The decoder names the mapping, and not the key in it.
		field, steps = field+"."+key, append(steps, key)
	}
	return d.errorf(d.nearestLine(steps), "%s is a %s; it must be %s", field, mismatch.Value, typeText(mismatch.Type))
}

func (d document) valueAt(steps []any) any {
	var value any = d.content.Object
	for _, step := range steps {
		switch step := step.(type) {
		case string:
			mapping, _ := value.(map[string]any)
			value = mapping[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

// wrongText finds the first key of a mapping of texts whose value is none.
func wrongText(value any, wanted reflect.Type) string {
	mapping, ok := value.(map[string]any)
	if !ok || wanted.Kind() != reflect.String {
		return ""
	}
	for _, key := range slices.Sorted(maps.Keys(mapping)) {
		if _, isText := mapping[key].(string); !isText {
			return key
		}
	}
	return ""
}

// strictError says which field is not known, and which may have been meant.
func (d document) strictError(err error, into any) *Error {
	var field kjson.FieldError
	if !errors.As(err, &field) {
		return d.errorf(0, "%v", err)
	}
	steps := parsePath(field.FieldPath())
	return d.errorf(d.nearestLine(steps), "unknown field %s%s", field.FieldPath(), fieldHint(reflect.TypeOf(into), steps))
}

// nearestLine is the line of the field, or of the closest thing around it that was found.
func (d document) nearestLine(steps []any) int {
	for ; len(steps) > 0; steps = steps[:len(steps)-1] {
		if line := d.line(steps...); line > 0 {
			return line
		}
	}
	return 0
}

func typeText(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text (in quotes)"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map, reflect.Pointer:
		return "a mapping"
	}
	return fmt.Sprintf("a %s", t)
}
