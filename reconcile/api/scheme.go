package api

import (
	"fmt"
	"maps"

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
	versions, groups := map[schema.GroupVersion]bool{}, map[string]bool{}
	for _, kind := range kinds {
		hub := schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal}
		scheme.AddKnownTypes(hub, kind.New(), kind.NewList())
		if kind.Served == nil {
			scheme.AddKnownTypes(kind.GroupVersion(), kind.New(), kind.NewList())
		} else {
			scheme.AddKnownTypes(kind.GroupVersion(), kind.Served(), kind.ServedList())
			utilruntime.Must(kind.Convert(scheme))
		}
		addDefaults(scheme, kind)
		utilruntime.Must(addFieldLabels(scheme, kind))
		if !versions[kind.GroupVersion()] {
			versions[kind.GroupVersion()] = true
			metav1.AddToGroupVersion(scheme, kind.GroupVersion())
		}
		if !groups[kind.Group] { // the others follow
			groups[kind.Group] = true
			utilruntime.Must(scheme.SetVersionPriority(kind.GroupVersion()))
		}
	}
	addAbsent(scheme)
	utilruntime.Must(addNotStored(scheme))
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

// addFieldLabels lets field selectors name metadata.name, metadata.namespace and what Kind.Fields gives, in the words of
// Kind.FieldNames where there are any.
func addFieldLabels(scheme *runtime.Scheme, kind Kind) error {
	known := map[string]string{"metadata.name": "metadata.name", "metadata.namespace": "metadata.namespace"}
	switch {
	case kind.FieldNames != nil:
		maps.Copy(known, kind.FieldNames)
	case kind.Fields != nil:
		for label := range kind.Fields(kind.New()) {
			known[label] = label
		}
	}
	return scheme.AddFieldLabelConversionFunc(kind.GroupVersionKind, func(label, value string) (string, string, error) {
		key, ok := known[label]
		if !ok {
			return "", "", fmt.Errorf("field label not supported: %s", label)
		}
		return key, value, nil
	})
}
