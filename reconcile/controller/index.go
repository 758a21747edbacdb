package controller

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// byController is the index of objects by the UID of their controller. An object without one is an orphan, and is
// found by its namespace: a UID has no slash.
const byController = "coracle.dev/controller"

// IndexByController adds the index that Owned and Candidates read, if it is not there yet: informers are shared.
func IndexByController(informer cache.SharedIndexInformer) error {
	if _, there := informer.GetIndexer().GetIndexers()[byController]; there {
		return nil
	}
	return informer.AddIndexers(cache.Indexers{byController: func(obj any) ([]string, error) {
		object, ok := obj.(metav1.Object)
		if !ok {
			return nil, fmt.Errorf("index by controller: %T has no metadata", obj)
		}
		if ref := metav1.GetControllerOfNoCopy(object); ref != nil {
			return []string{string(ref.UID)}, nil
		}
		return []string{orphans(object.GetNamespace())}, nil
	}})
}

func orphans(namespace string) string { return "orphans/" + namespace }

// Owned are the objects whose controller has the UID, in no order.
func Owned[T any](indexer cache.Indexer, controller types.UID) ([]T, error) {
	return byIndex[T](indexer, string(controller))
}

// Candidates are the objects that the owner may claim: those it controls, and the orphans of its namespace.
func Candidates[T any](indexer cache.Indexer, owner metav1.Object) ([]T, error) {
	owned, err := byIndex[T](indexer, string(owner.GetUID()))
	if err != nil {
		return nil, err
	}
	free, err := byIndex[T](indexer, orphans(owner.GetNamespace()))
	return append(owned, free...), err
}

func byIndex[T any](indexer cache.Indexer, value string) ([]T, error) {
	objects, err := indexer.ByIndex(byController, value)
	if err != nil {
		return nil, fmt.Errorf("look up by controller: %w", err)
	}
	typed := make([]T, 0, len(objects))
	for _, obj := range objects {
		typed = append(typed, obj.(T))
	}
	return typed, nil
}
