package api

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

var (
	// Scheme knows every served kind, in its served version and as the hub.
	Scheme = newScheme(Kinds())
	// Codecs encode and decode them.
	Codecs = serializer.NewCodecFactory(Scheme)
	// ParameterCodec reads the options of a URL's query.
	ParameterCodec = runtime.NewParameterCodec(Scheme)
)

func newScheme(kinds []Kind) *runtime.Scheme {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	versions := map[schema.GroupVersion]bool{}
	for _, kind := range kinds {
		hub := schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal}
		scheme.AddKnownTypes(kind.GroupVersion(), kind.New(), kind.NewList())
		scheme.AddKnownTypes(hub, kind.New(), kind.NewList())
		addDefaults(scheme, kind)
		utilruntime.Must(addFieldLabels(scheme, kind))
		if !versions[kind.GroupVersion()] {
			versions[kind.GroupVersion()] = true
			metav1.AddToGroupVersion(scheme, kind.GroupVersion())
			utilruntime.Must(scheme.SetVersionPriority(kind.GroupVersion()))
		}
	}
	return scheme
}

// addDefaults has the decoders fill defaults of single objects and of each item of a list.
func addDefaults(scheme *runtime.Scheme, kind Kind) {
	if kind.Default == nil {
		return
	}
	scheme.AddTypeDefaultingFunc(kind.New(), func(obj any) { kind.Default(obj.(runtime.Object)) })
	scheme.AddTypeDefaultingFunc(kind.NewList(), func(list any) {
		_ = meta.EachListItem(list.(runtime.Object), func(obj runtime.Object) error {
			kind.Default(obj)
			return nil
		})
	})
}

// addFieldLabels lets field selectors name metadata.name, metadata.namespace and what Kind.Fields gives.
func addFieldLabels(scheme *runtime.Scheme, kind Kind) error {
	known := map[string]bool{"metadata.name": true, "metadata.namespace": true}
	if kind.Fields != nil {
		for label := range kind.Fields(kind.New()) {
			known[label] = true
		}
	}
	return scheme.AddFieldLabelConversionFunc(kind.GroupVersionKind, func(label, value string) (string, string, error) {
		if !known[label] {
			return "", "", fmt.Errorf("field label not supported: %s", label)
		}
		return label, value, nil
	})
}
