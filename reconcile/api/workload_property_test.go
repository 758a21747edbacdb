package api

import (
	"math/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
)

// eachWorkload checks a property on Pods, and on what makes them, with any fields set to anything.
func eachWorkload(t *testing.T, property func(t *rapid.T, kind Kind, obj runtime.Object)) {
	for _, kind := range []Kind{pod.Erase(), replicationController.Erase(), replicaSet.Erase(), deployment.Erase()} {
		t.Run(kind.Kind, rapid.MakeCheck(func(t *rapid.T) {
			obj := kind.New()
			fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(rapid.Int64().Draw(t, "seed")), Codecs).
				NilChance(rapid.Float64Range(0, 0.9).Draw(t, "share of nil")).NumElements(0, 2).Fill(obj)
			property(t, kind, obj)
		}))
	}
}

func TestDefaultsOfAnyWorkloadAreFinal(t *testing.T) {
	eachWorkload(t, func(t *rapid.T, kind Kind, obj runtime.Object) {
		kind.Default(obj)
		once := obj.DeepCopyObject()
		kind.Default(obj)
		if !apiequality.Semantic.DeepEqual(once, obj) {
			t.Fatalf("defaulting again changed (-once +twice):\n%s", cmp.Diff(once, obj))
		}
	})
}

func TestAnyWorkloadIsJudgedWithoutPanic(t *testing.T) {
	eachWorkload(t, func(t *rapid.T, kind Kind, obj runtime.Object) {
		if rapid.Bool().Draw(t, "defaulted") {
			kind.Default(obj)
		}
		kind.Validate(obj)
		kind.Warnings(obj)
		kind.Row(obj, time.Unix(2e9, 0))
		kind.ValidateStatusUpdate(obj, kind.New())
		kind.ValidateStatusUpdate(kind.New(), obj)
	})
}

// A client that writes back what it read is never refused.
func TestAPodMayStayAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pod := &corev1.Pod{}
		fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(rapid.Int64().Draw(t, "seed")), Codecs).Fill(pod)
		pod.Spec.ActiveDeadlineSeconds = nil
		if errs := validatePodUpdate(pod.DeepCopy(), pod); len(errs) > 0 {
			t.Fatal(messages(errs))
		}
	})
}
