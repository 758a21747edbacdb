package api

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// eachField visits every field of every struct of core/v1 that a PodSpec can hold, except below refused ones.
func eachField(visit func(owner reflect.Type, field reflect.StructField, key string)) {
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if !isCoreStruct(t) || seen[t] {
			return
		}
		seen[t] = true
		for i := range t.NumField() {
			name := jsonName(t.Field(i))
			if name == "" {
				walk(t.Field(i).Type)
				continue
			}
			key := t.Name() + "." + name
			visit(t, t.Field(i), key)
			if carried[key] {
				walk(t.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeFor[corev1.PodSpec]())
}

// A field that a newer k8s.io/api brings is in neither table: decide whether the node carries it out.
func TestEveryFieldOfAPodIsDecided(t *testing.T) {
	decided := map[string]bool{}
	eachField(func(_ reflect.Type, _ reflect.StructField, key string) {
		_, excepted := exceptions[key]
		decided[key] = true
		switch {
		case carried[key] && excepted:
			t.Errorf("%s is both carried out and excepted", key)
		case !carried[key] && !excepted:
			t.Errorf("%s is neither carried out nor excepted", key)
		}
	})
	for key := range carried {
		if !decided[key] {
			t.Errorf("carriedOut has %s, which no PodSpec can hold", key)
		}
	}
	for key, e := range exceptions {
		if !decided[key] {
			t.Errorf("exceptions has %s, which no PodSpec can hold", key)
		}
		if e.reason == "" {
			t.Errorf("%s is excepted without a reason", key)
		}
	}
}

// anything is a value of the type that asks for something, and is not one of unless.
func anything(t reflect.Type, unless []string) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(anything(t.Elem(), unless))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(t, 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(anything(t.Key(), nil), reflect.Zero(t.Elem()))
	case reflect.String:
		v.SetString("anything")
	case reflect.Bool:
		v.SetBool(!slices.Contains(unless, "true"))
	case reflect.Int32, reflect.Int64:
		v.SetInt(7)
	}
	return v
}

// holding is the PodSpec in which only the field of the key is set, to value, and the path where it is.
func holding(key string, value func(reflect.Type) reflect.Value) (*corev1.PodSpec, string) {
	spec := &corev1.PodSpec{}
	var path string
	var search func(v reflect.Value, at string, above []reflect.Type) bool
	search = func(v reflect.Value, at string, above []reflect.Type) bool {
		if slices.Contains(above, v.Type()) {
			return false
		}
		above = append(above, v.Type())
		for i := range v.NumField() {
			f, name := v.Field(i), jsonName(v.Type().Field(i))
			if name == "" {
				if isCoreStruct(f.Type()) && search(f, at, above) {
					return true
				}
				continue
			}
			here := at + "." + name
			if v.Type().Name()+"."+name == key {
				f.Set(value(f.Type()))
				path = here
				return true
			}
			inner, where := f, here
			switch {
			case f.Kind() == reflect.Pointer && isCoreStruct(f.Type().Elem()):
				f.Set(reflect.New(f.Type().Elem()))
				inner = f.Elem()
			case f.Kind() == reflect.Slice && isCoreStruct(f.Type().Elem()):
				f.Set(reflect.MakeSlice(f.Type(), 1, 1))
				inner, where = f.Index(0), here+"[0]"
			case !isCoreStruct(f.Type()):
				continue
			}
			if search(inner, where, above) {
				return true
			}
			f.SetZero()
		}
		return false
	}
	if !search(reflect.ValueOf(spec).Elem(), "spec", nil) {
		panic("no PodSpec holds " + key)
	}
	return spec, path
}

func TestEachExceptionIsToldWithItsPath(t *testing.T) {
	for key, e := range exceptions {
		spec, path := holding(key, func(t reflect.Type) reflect.Value { return anything(t, e.unless) })
		refused, ignored := fmt.Sprint(refusedFields(spec, specPath)), fmt.Sprint(ignoredFields(spec, specPath))
		wantRefused, wantIgnored := "["+path+": Forbidden: "+e.reason+"]", "[]"
		if e.harmless {
			wantRefused, wantIgnored = "[]", "["+path+": "+e.reason+"]"
		}
		if refused != wantRefused || ignored != wantIgnored {
			t.Errorf("%s: refused %s, ignored %s; want %s, %s", key, refused, ignored, wantRefused, wantIgnored)
		}
		for _, harmless := range e.unless {
			spec, path := holding(key, func(t reflect.Type) reflect.Value { return valueOf(t, harmless) })
			if got := fmt.Sprint(refusedFields(spec, specPath), ignoredFields(spec, specPath)); strings.Contains(got, path+":") {
				t.Errorf("%s of %s: %s; want it accepted", key, harmless, got)
			}
		}
	}
}

// valueOf is the value that prints as text.
func valueOf(t reflect.Type, text string) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(valueOf(t.Elem(), text))
	case reflect.Bool:
		v.SetBool(text == "true")
	default:
		v.SetString(text)
	}
	return v
}

func TestAnUnknownFieldIsRefused(t *testing.T) {
	delete(carried, "Container.workingDir")
	defer func() { carried["Container.workingDir"] = true }()
	spec := &corev1.PodSpec{Containers: []corev1.Container{{WorkingDir: "/"}}}
	want := "[spec.containers[0].workingDir: Forbidden: coracle does not know this field]"
	if got := fmt.Sprint(refusedFields(spec, specPath)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
