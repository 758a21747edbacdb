package api

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestDefaultingTwiceIsDefaultingOnce(t *testing.T) {
	eachPair(t, func(t *testing.T, _ Kind, obj, _ runtime.Object) {
		Scheme.Default(obj)
		once := obj.DeepCopyObject()
		Scheme.Default(obj)
		same(t, "the object, by a second defaulting,", once, obj)
	})
}

// Clients send anything: what is wrong comes back as an error, never as a panic; and what judges and describes changes nothing.
func TestReadersNeitherPanicNorWrite(t *testing.T) {
	eachPair(t, func(t *testing.T, kind Kind, obj, old runtime.Object) {
		before, oldBefore := obj.DeepCopyObject(), old.DeepCopyObject()
		if row := kind.Row(obj, time.Unix(2e9, 0)); len(row) != len(kind.Columns) {
			t.Fatalf("a row of %d cells for %d columns", len(row), len(kind.Columns))
		}
		call(kind.Validate != nil, func() { kind.Validate(obj) })
		call(kind.ValidateCreate != nil, func() { kind.ValidateCreate(obj) })
		call(kind.ValidateUpdate != nil, func() { kind.ValidateUpdate(obj, old) })
		call(kind.ValidateStatusUpdate != nil, func() { kind.ValidateStatusUpdate(obj, old) })
		call(kind.Warnings != nil, func() { kind.Warnings(obj) })
		call(kind.Fields != nil, func() { kind.Fields(obj) })
		call(kind.GracePeriod != nil, func() { kind.GracePeriod(obj, nil) })
		call(kind.Scale != nil, func() { kind.Scale(obj) })
		same(t, "the object", before, obj)
		same(t, "the old object", oldBefore, old)
	})
}

func TestWritersDoNotPanic(t *testing.T) {
	eachPair(t, func(t *testing.T, kind Kind, obj, old runtime.Object) {
		call(kind.PrepareForCreate != nil, func() { kind.PrepareForCreate(obj.DeepCopyObject()) })
		call(kind.PrepareForUpdate != nil, func() { kind.PrepareForUpdate(obj.DeepCopyObject(), old.DeepCopyObject()) })
		call(kind.SetReplicas != nil, func() { kind.SetReplicas(obj, 3) })
	})
}

func call(there bool, f func()) {
	if there {
		f()
	}
}

// An update cannot write the status, nor an update of the status the spec; and the old object is only read.
func TestEndpointsKeepToTheirPart(t *testing.T) {
	eachPair(t, func(t *testing.T, kind Kind, update, old runtime.Object) {
		if kind.PrepareForStatusUpdate == nil {
			return
		}
		status, oldBefore := update.DeepCopyObject(), old.DeepCopyObject()
		kind.PrepareForUpdate(update, old)
		same(t, "the status, by an update,", member(old, "Status"), member(update, "Status"))
		kind.PrepareForStatusUpdate(status, old)
		same(t, "the spec, by an update of the status,", member(old, "Spec"), member(status, "Spec"))
		same(t, "the old object", oldBefore, old)
	})
}

func TestNoChangeIsNoGeneration(t *testing.T) {
	eachPair(t, func(t *testing.T, kind Kind, old, _ runtime.Object) {
		if kind.PrepareForUpdate == nil {
			return
		}
		Scheme.Default(old)
		updated := old.DeepCopyObject()
		kind.PrepareForUpdate(updated, old)
		if now, was := generation(t, updated), generation(t, old); now != was {
			t.Fatalf("generation %d, was %d", now, was)
		}
	})
}

func TestObjectsSurviveEncoding(t *testing.T) {
	for _, media := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf} {
		info, _ := runtime.SerializerInfoForMediaType(Codecs.SupportedMediaTypes(), media)
		t.Run(media, func(t *testing.T) {
			eachPair(t, func(t *testing.T, kind Kind, obj, _ runtime.Object) {
				if _, has := obj.(interface{ Marshal() ([]byte, error) }); media == runtime.ContentTypeProtobuf && !has {
					return // stored and served as JSON
				}
				Scheme.Default(obj)
				codec := Codecs.CodecForVersions(info.Serializer, info.Serializer, kind.GroupVersion(), runtime.InternalGroupVersioner)
				data, err := runtime.Encode(codec, obj)
				if err != nil {
					t.Fatal(err)
				}
				back, err := runtime.Decode(codec, data)
				if err != nil {
					t.Fatal(err)
				}
				same(t, "the object, by encoding and decoding,", obj, back)
			})
		})
	}
}

// same takes as equal what the API does: nil and empty, one quantity in two notations.
func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if !apiequality.Semantic.DeepEqual(want, got) {
		everything := cmp.Exporter(func(reflect.Type) bool { return true })
		t.Fatalf("%s changed (-before +after):\n%s", what, cmp.Diff(want, got, everything))
	}
}

func member(obj runtime.Object, name string) any {
	return reflect.ValueOf(obj).Elem().FieldByName(name).Interface()
}

func generation(t *testing.T, obj runtime.Object) int64 {
	t.Helper()
	accessor, err := meta.Accessor(obj)
	if err != nil {
		t.Fatal(err)
	}
	return accessor.GetGeneration()
}
