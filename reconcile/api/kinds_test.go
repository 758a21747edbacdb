package api

import (
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
)

// objectOf draws an object of the kind with any fields set to anything.
func objectOf(t *rapid.T, kind Kind, label string) runtime.Object {
	obj := kind.New()
	fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(rapid.Int64().Draw(t, label)), Codecs).NilChance(0.3).NumElements(0, 2).Fill(obj)
	return obj
}

func TestDefaultingTwiceIsDefaultingOnce(t *testing.T) {
	for _, kind := range Kinds() {
		if kind.Default == nil {
			continue
		}
		t.Run(kind.Kind, rapid.MakeCheck(func(t *rapid.T) {
			once := objectOf(t, kind, "seed")
			kind.Default(once)
			twice := once.DeepCopyObject()
			kind.Default(twice)
			if !apiequality.Semantic.DeepEqual(once, twice) {
				t.Fatalf("the second time changed (-once +twice):\n%s", cmp.Diff(once, twice))
			}
		}))
	}
}

// Clients send anything; what is wrong must come back as an error, never as a panic.
func TestNoObjectMakesAKindPanic(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, kind := range Kinds() {
		t.Run(kind.Kind, rapid.MakeCheck(func(t *rapid.T) {
			obj, old := objectOf(t, kind, "seed"), objectOf(t, kind, "old seed")
			if rapid.Bool().Draw(t, "related") {
				old = obj.DeepCopyObject()
			}
			if kind.Default != nil && rapid.Bool().Draw(t, "defaulted") {
				kind.Default(obj)
				kind.Default(old)
			}
			if row := kind.Row(obj, now); len(row) != len(kind.Columns) {
				t.Fatalf("a row of %d cells for %d columns", len(row), len(kind.Columns))
			}
			exercise(kind, obj, old)
		}))
	}
}

// exercise calls all funcs that the kind has.
func exercise(kind Kind, obj, old runtime.Object) {
	for _, judge := range []func(obj, old runtime.Object){
		func(obj, _ runtime.Object) { call(kind.Validate != nil, func() { kind.Validate(obj) }) },
		func(obj, old runtime.Object) {
			call(kind.ValidateUpdate != nil, func() { kind.ValidateUpdate(obj, old) })
		},
		func(obj, old runtime.Object) {
			call(kind.ValidateStatusUpdate != nil, func() { kind.ValidateStatusUpdate(obj, old) })
		},
		func(obj, _ runtime.Object) { call(kind.Warnings != nil, func() { kind.Warnings(obj) }) },
		func(obj, _ runtime.Object) { call(kind.Fields != nil, func() { kind.Fields(obj) }) },
		func(obj, _ runtime.Object) { call(kind.GracePeriod != nil, func() { kind.GracePeriod(obj, nil) }) },
		func(obj, _ runtime.Object) { call(kind.Scale != nil, func() { kind.Scale(obj) }) },
		func(obj, _ runtime.Object) { call(kind.SetReplicas != nil, func() { kind.SetReplicas(obj, 3) }) },
		func(obj, old runtime.Object) {
			call(kind.PrepareForUpdate != nil, func() { kind.PrepareForUpdate(obj, old) })
		},
		func(obj, old runtime.Object) {
			call(kind.PrepareForStatusUpdate != nil, func() { kind.PrepareForStatusUpdate(obj, old) })
		},
		func(obj, _ runtime.Object) { call(kind.PrepareForCreate != nil, func() { kind.PrepareForCreate(obj) }) },
	} {
		judge(obj.DeepCopyObject(), old.DeepCopyObject())
	}
}

func call(there bool, f func()) {
	if there {
		f()
	}
}

func TestNamesOfKindsAreUnique(t *testing.T) {
	taken := map[string]string{}
	for _, kind := range Kinds() {
		for _, name := range slices.Concat([]string{kind.Resource, kind.Singular}, kind.ShortNames) {
			name += "." + kind.Group
			if other, twice := taken[name]; twice && other != kind.Kind {
				t.Errorf("%s is both %s and %s", name, other, kind.Kind)
			}
			taken[name] = kind.Kind
		}
	}
}
