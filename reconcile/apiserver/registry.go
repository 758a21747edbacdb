package apiserver

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/utils/clock"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"coracle.dev/coracle/reconcile/api"
)

// registry is the store of one kind, with the names that kubectl calls it by.
type registry struct {
	*genericregistry.Store
	kind api.Kind
}

func (r *registry) ShortNames() []string    { return r.kind.ShortNames }
func (r *registry) Categories() []string    { return r.kind.Categories }
func (r *registry) GetSingularName() string { return r.kind.Singular }

// newRegistry opens the store of a kind. adjust, if not nil, changes it before it is completed.
func newRegistry(kind api.Kind, options generic.RESTOptionsGetter, clock clock.PassiveClock, adjust func(*genericregistry.Store)) (*registry, error) {
	strategy := newStrategy(kind)
	store := &genericregistry.Store{
		NewFunc:                   kind.New,
		NewListFunc:               kind.NewList,
		PredicateFunc:             predicate(kind),
		DefaultQualifiedResource:  groupResource(kind),
		SingularQualifiedResource: schema.GroupResource{Group: kind.Group, Resource: kind.Singular},
		CreateStrategy:            strategy,
		UpdateStrategy:            strategy,
		DeleteStrategy:            strategy,
		ResetFieldsStrategy:       strategy,
		TableConvertor:            tables{kind: kind, clock: clock},
	}
	if kind.GracePeriod != nil {
		store.DeleteStrategy = gracefulStrategy{strategy}
		store.ReturnDeletedObject = true
	}
	if adjust != nil {
		adjust(store)
	}
	index := watchIndexes[groupResource(kind)]
	if err := store.CompleteWithOptions(&generic.StoreOptions{
		RESTOptions: options, AttrFunc: attributes(kind), TriggerFunc: index.trigger(), Indexers: index.indexers(),
	}); err != nil {
		return nil, fmt.Errorf("open store of %s: %w", kind.Resource, err)
	}
	return &registry{Store: store, kind: kind}, nil
}

// attributes are what label and field selectors match.
func attributes(kind api.Kind) storage.AttrFunc {
	return func(obj runtime.Object) (labels.Set, fields.Set, error) {
		accessor, err := meta.Accessor(obj)
		if err != nil {
			return nil, nil, err
		}
		set := fields.Set{}
		if kind.Fields != nil {
			set = kind.Fields(obj)
		}
		set["metadata.name"] = accessor.GetName()
		if kind.Namespaced {
			set["metadata.namespace"] = accessor.GetNamespace()
		}
		return accessor.GetLabels(), set, nil
	}
}

func predicate(kind api.Kind) func(labels.Selector, fields.Selector) storage.SelectionPredicate {
	attrs, indexed := attributes(kind), watchIndexes[groupResource(kind)].fields()
	return func(label labels.Selector, field fields.Selector) storage.SelectionPredicate {
		return storage.SelectionPredicate{Label: label, Field: field, GetAttrs: attrs, IndexFields: indexed}
	}
}

// partREST is a subresource by which a part of an object is changed: what the strategy lets through. It is /status, and others.
type partREST struct {
	store    *genericregistry.Store
	strategy partStrategy
}

type partStrategy interface {
	rest.RESTUpdateStrategy
	rest.ResetFieldsStrategy
}

var _ rest.Patcher = &partREST{}

func newPartREST(r *registry, strategy partStrategy) *partREST {
	store := *r.Store
	store.UpdateStrategy, store.ResetFieldsStrategy = strategy, strategy
	return &partREST{store: &store, strategy: strategy}
}

func newStatusREST(r *registry) *partREST { return newPartREST(r, statusStrategy{newStrategy(r.kind)}) }

func (p *partREST) New() runtime.Object { return p.store.New() }

// Destroy does nothing: the storage belongs to the main resource.
func (p *partREST) Destroy() {}

func (p *partREST) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return p.store.Get(ctx, name, options)
}

func (p *partREST) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, createValidation rest.ValidateObjectFunc,
	updateValidation rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return p.store.Update(ctx, name, info, createValidation, updateValidation, false, options)
}

func (p *partREST) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return p.strategy.GetResetFields()
}
