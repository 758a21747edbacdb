package apiserver

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	storeerr "k8s.io/apiserver/pkg/storage/errors"
	"k8s.io/apiserver/pkg/util/dryrun"
)

// namespaceREST deletes in two steps: a deletion only marks the namespace Terminating; it goes when the namespace
// controller has emptied it and taken its finalizer away.
type namespaceREST struct{ *registry }

var _ rest.GracefulDeleter = &namespaceREST{}

// keepWhileFinalizing holds a namespace back from removal by update while spec.finalizers names somebody.
func keepWhileFinalizing(store *genericregistry.Store) {
	store.ReturnDeletedObject = true
	store.ShouldDeleteDuringUpdate = func(ctx context.Context, key string, obj, existing runtime.Object) bool {
		return len(obj.(*corev1.Namespace).Spec.Finalizers) == 0 && genericregistry.ShouldDeleteDuringUpdate(ctx, key, obj, existing)
	}
}

// Delete marks the namespace, or removes it once nothing holds it.
func (n *namespaceREST) Delete(ctx context.Context, name string, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, bool, error) {
	obj, err := n.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, false, err
	}
	namespace := obj.(*corev1.Namespace)
	if options == nil {
		options = &metav1.DeleteOptions{}
	}
	if options.Preconditions == nil {
		options.Preconditions = &metav1.Preconditions{}
	}
	if options.Preconditions.UID == nil {
		options.Preconditions.UID = &namespace.UID
	} else if *options.Preconditions.UID != namespace.UID {
		return nil, false, apierrors.NewConflict(groupResource(n.kind), name, preconditionError(*options.Preconditions.UID, namespace.UID))
	}
	if namespace.DeletionTimestamp.IsZero() {
		return n.markTerminating(ctx, namespace, validate, options)
	}
	if len(namespace.Spec.Finalizers) > 0 || len(namespace.Finalizers) > 0 {
		return namespace, false, nil
	}
	return n.Store.Delete(ctx, name, validate, options)
}

func (n *namespaceREST) markTerminating(ctx context.Context, namespace *corev1.Namespace, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, bool, error) {
	if err := validate(ctx, namespace.DeepCopy()); err != nil {
		return nil, false, err
	}
	key, err := n.KeyFunc(ctx, namespace.Name)
	if err != nil {
		return nil, false, err
	}
	mark := storage.SimpleUpdate(func(existing runtime.Object) (runtime.Object, error) {
		marked := existing.(*corev1.Namespace)
		if marked.DeletionTimestamp.IsZero() {
			now, zero := metav1.Now(), int64(0)
			marked.DeletionTimestamp, marked.DeletionGracePeriodSeconds = &now, &zero
		}
		marked.Status.Phase = corev1.NamespaceTerminating
		return marked, nil
	})
	// Below the store's Update, whose validation lets nobody set a deletion time.
	marked := n.New()
	preconditions := &storage.Preconditions{UID: options.Preconditions.UID, ResourceVersion: options.Preconditions.ResourceVersion}
	err = n.Storage.GuaranteedUpdate(ctx, key, marked, false, preconditions, mark, dryrun.IsDryRun(options.DryRun), nil)
	if err != nil {
		err = storeerr.InterpretUpdateError(err, groupResource(n.kind), namespace.Name)
		return nil, false, err
	}
	return marked, false, nil
}

// finalizeREST is namespaces/finalize: it changes spec.finalizers and nothing else.
type finalizeREST struct{ store *genericregistry.Store }

func newFinalizeREST(r *registry) *finalizeREST {
	store := *r.Store
	store.UpdateStrategy = finalizeStrategy{newStrategy(r.kind)}
	return &finalizeREST{store: &store}
}

func (f *finalizeREST) New() runtime.Object { return f.store.New() }

// Destroy does nothing: the storage belongs to the namespaces.
func (f *finalizeREST) Destroy() {}

func (f *finalizeREST) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, createValidation rest.ValidateObjectFunc,
	updateValidation rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return f.store.Update(ctx, name, info, createValidation, updateValidation, false, options)
}

type finalizeStrategy struct{ strategy }

func (finalizeStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	namespace, before := obj.(*corev1.Namespace), old.(*corev1.Namespace)
	finalizers := namespace.Spec.Finalizers
	before.DeepCopyInto(namespace)
	namespace.Spec.Finalizers = finalizers
}

func (finalizeStrategy) ValidateUpdate(context.Context, runtime.Object, runtime.Object) field.ErrorList {
	return nil
}
