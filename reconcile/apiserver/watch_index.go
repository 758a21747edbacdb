package apiserver

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/client-go/tools/cache"
)

// watchIndex is the field by which a cache finds the watchers of one object, and the objects of one watcher. Each node
// watches the Pods bound to it: without the index, every change of a Pod is offered to every node.
type watchIndex struct {
	field string
	value storage.IndexerFunc
}

// watchIndexes are upstream's.
var watchIndexes = map[schema.GroupResource]watchIndex{
	{Resource: "pods"}: {"spec.nodeName", func(obj runtime.Object) string {
		if pod, ok := obj.(*corev1.Pod); ok {
			return pod.Spec.NodeName
		}
		return ""
	}},
	{Resource: "nodes"}:      {"metadata.name", objectName},
	{Resource: "secrets"}:    {"metadata.name", objectName},
	{Resource: "configmaps"}: {"metadata.name", objectName},
}

func objectName(obj runtime.Object) string {
	if accessor, err := meta.Accessor(obj); err == nil {
		return accessor.GetName()
	}
	return ""
}

// trigger is nil for the zero index, as are the others.
func (i watchIndex) trigger() storage.IndexerFuncs {
	if i.value == nil {
		return nil
	}
	return storage.IndexerFuncs{i.field: i.value}
}

func (i watchIndex) indexers() *cache.Indexers {
	if i.value == nil {
		return nil
	}
	return &cache.Indexers{storage.FieldIndex(i.field): func(obj any) ([]string, error) {
		object, ok := obj.(runtime.Object)
		if !ok {
			return nil, fmt.Errorf("index by %s: %T is no object", i.field, obj)
		}
		return []string{i.value(object)}, nil
	}}
}

func (i watchIndex) fields() []string {
	if i.value == nil {
		return nil
	}
	return []string{i.field}
}
