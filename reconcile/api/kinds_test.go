package api

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"
)

func TestNamesOfKindsAreUnique(t *testing.T) {
	taken := map[string]string{}
	for _, kind := range Kinds() {
		for _, name := range slices.Concat([]string{kind.Resource, kind.Singular}, kind.ShortNames) {
			if other, twice := taken[name]; twice && other != kind.Kind {
				t.Errorf("%s is both %s and %s", name, other, kind.Kind)
			}
			taken[name] = kind.Kind
		}
	}
}

func TestKindsAreInTheOrderOfTheirNames(t *testing.T) {
	var names []string
	for _, kind := range Kinds() {
		names = append(names, fmt.Sprintf("%s/%s", kind.Group, kind.Resource))
	}
	if sorted := slices.Sorted(slices.Values(names)); !slices.Equal(names, sorted) {
		t.Errorf("kinds are listed as %q", names)
	}
}

func TestFieldNamesMeanFields(t *testing.T) {
	for _, kind := range Kinds() {
		for name, key := range kind.FieldNames {
			if _, known := kind.Fields(kind.New())[key]; !known {
				t.Errorf("%s: %s means %s, which is no field", kind.GroupVersionKind, name, key)
			}
		}
	}
}

// pairs are how many pairs of filled objects of each kind a property is checked on.
const pairs = 8

// eachPair checks a property on objects of every served kind with any fields set to anything: strangers, or the same
// object before and after; as they come, or with defaults. The seeds are fixed, so a failure is there again.
func eachPair(t *testing.T, property func(t *testing.T, kind Kind, obj, old runtime.Object)) {
	for _, kind := range Kinds() {
		t.Run(kind.GroupVersion().String()+" "+kind.Kind, func(t *testing.T) {
			property(t, kind, kind.New(), kind.New())
			for seed := range int64(pairs) {
				filler := fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, rawJSON, autoscalers), rand.NewSource(seed), Codecs)
				filler.NilChance(0.3).NumElements(0, 2)
				obj, old := kind.New(), kind.New()
				filler.Fill(obj)
				filler.Fill(old)
				if seed%3 == 0 {
					old = obj.DeepCopyObject()
				}
				if seed%2 == 0 {
					Scheme.Default(obj)
					Scheme.Default(old)
				}
				property(t, kind, obj, old)
			}
		})
	}
}

// rawJSON fills what holds any object with JSON, in the form in which it is encoded again.
func rawJSON(serializer.CodecFactory) []any {
	return []any{func(r *runtime.RawExtension, c randfill.Continue) {
		r.Raw = []byte([]string{`{"spec":{"replicas":3}}`, `{"data":[1,"x"]}`, `"text"`}[c.Intn(3)])
	}}
}
