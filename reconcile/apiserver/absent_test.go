package apiserver

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"

	"coracle.dev/coracle/reconcile/api"
)

// What is absent has empty lists, is found by no name, and is refused with its reason, however it is sent.
func TestAbsentKindsAreEmptyAndRefused(t *testing.T) {
	storages := map[schema.GroupVersion]map[string]rest.Storage{}
	addAbsent(storages)
	for _, kind := range api.AbsentKinds() {
		t.Run(kind.Kind, func(t *testing.T) {
			absent, ok := storages[kind.GroupVersion()][kind.Resource].(*absentREST)
			if !ok {
				t.Fatal("it has no resource")
			}
			list, err := absent.List(t.Context(), nil)
			if err != nil || meta.LenList(list) != 0 {
				t.Errorf("list: %v, %v", list, err)
			}
			if _, err := absent.Get(t.Context(), "x", nil); !apierrors.IsNotFound(err) {
				t.Errorf("get: %v", err)
			}
			obj := kind.New()
			obj.(metav1.Object).SetName("x")
			_, err = absent.Create(t.Context(), obj, nil, nil)
			isRefused(t, "create", err, kind.Reason)
			_, _, err = absent.Update(t.Context(), "x", nil, nil, nil, true, nil)
			isRefused(t, "apply", err, kind.Reason)
			if _, _, err = absent.Update(t.Context(), "x", nil, nil, nil, false, nil); !apierrors.IsNotFound(err) {
				t.Errorf("update: %v", err)
			}
		})
	}
}

func isRefused(t *testing.T, how string, err error, reason string) {
	t.Helper()
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `"x" is forbidden: `+reason) {
		t.Errorf("%s: %v", how, err)
	}
}
