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
	"pgregory.net/rapid"
)

// anyObject has any fields set to anything; most pointers are nil, else it is too large to check many.
func anyObject[T any](t *rapid.T, obj T) T {
	fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(rapid.Int64().Draw(t, "seed")), Codecs).
		NilChance(rapid.Float64Range(0.5, 0.9).Draw(t, "share of nil")).NumElements(0, 2).Fill(obj)
	return obj
}

func TestAnyWorkloadIsDefaultedOnceAndJudgedWithoutPanic(t *testing.T) {
	for _, kind := range []Kind{pod.Erase(), replicationController.Erase(), replicaSet.Erase(), deployment.Erase()} {
		t.Run(kind.Kind, rapid.MakeCheck(func(t *rapid.T) {
			obj := anyObject(t, kind.New())
			kind.Validate(obj)
			kind.Warnings(obj)
			kind.Row(obj, time.Unix(2e9, 0))
			kind.ValidateStatusUpdate(obj, kind.New())
			kind.ValidateStatusUpdate(kind.New(), obj)
			kind.Default(obj)
			once := obj.DeepCopyObject()
			kind.Validate(obj)
			kind.Default(obj)
			if !apiequality.Semantic.DeepEqual(once, obj) {
				t.Fatalf("defaulting again changed (-once +twice):\n%s", cmp.Diff(once, obj))
			}
		}))
	}
}

// A client that writes back what it read is never refused.
func TestAPodMayStayAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pod := anyObject(t, &corev1.Pod{})
		pod.Spec.ActiveDeadlineSeconds = nil
		if errs := validatePodUpdate(pod.DeepCopy(), pod); len(errs) > 0 {
			t.Fatal(messages(errs))
		}
	})
}
