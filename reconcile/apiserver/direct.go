package apiserver

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"

	"coracle.dev/coracle/reconcile/api"
)

// direct reads and writes one resource below the HTTP chain: no encoding, no managed fields; defaults, admission and
// validation as ever. It has the methods of a typed client of client-go, whose place it takes in Client. T is the
// pointer type of the object, L that of its list.
//
// What it returns is the caller's own: the stores share their objects with the watch cache, so all is copied.
type direct[T, L runtime.Object] struct {
	registry  *registry
	status    rest.Updater // nil without /status
	namespace string
	admit     admission.MutationInterface
	caller    user.Info
}

func (d direct[T, L]) context(ctx context.Context) context.Context {
	return request.WithUser(request.WithNamespace(ctx, d.namespace), d.caller)
}

func (d direct[T, L]) attributes(obj, old runtime.Object, name, subresource string, operation admission.Operation, options runtime.Object, dryRun []string) admission.Attributes {
	kind := d.registry.kind
	return admission.NewAttributesRecord(obj, old, kind.GroupVersionKind, d.namespace, name,
		kind.GroupVersion().WithResource(kind.Resource), subresource, operation, options, len(dryRun) > 0, d.caller)
}

var objectInterfaces = admission.NewObjectInterfacesFromScheme(api.Scheme)

// Create is that of a typed client.
func (d direct[T, L]) Create(ctx context.Context, obj T, options metav1.CreateOptions) (T, error) {
	var none T
	ctx = d.context(ctx)
	created := obj.DeepCopyObject()
	api.Scheme.Default(created)
	accessor, err := meta.Accessor(created)
	if err != nil {
		return none, err
	}
	attributes := d.attributes(created, nil, accessor.GetName(), "", admission.Create, &options, options.DryRun)
	if d.admit.Handles(admission.Create) {
		if err := d.admit.Admit(ctx, attributes, objectInterfaces); err != nil {
			return none, err
		}
	}
	stored, err := d.registry.Create(ctx, created, rest.AdmissionToValidateObjectFunc(d.admit, attributes, objectInterfaces), &options)
	return own[T](stored, err)
}

// Update is that of a typed client.
func (d direct[T, L]) Update(ctx context.Context, obj T, options metav1.UpdateOptions) (T, error) {
	return d.update(ctx, d.registry, "", obj, options)
}

// UpdateStatus is that of a typed client.
func (d direct[T, L]) UpdateStatus(ctx context.Context, obj T, options metav1.UpdateOptions) (T, error) {
	return d.update(ctx, d.status, "status", obj, options)
}

func (d direct[T, L]) update(ctx context.Context, store rest.Updater, subresource string, obj T, options metav1.UpdateOptions) (T, error) {
	var none T
	ctx = d.context(ctx)
	updated := obj.DeepCopyObject()
	api.Scheme.Default(updated)
	accessor, err := meta.Accessor(updated)
	if err != nil {
		return none, err
	}
	admit := func(ctx context.Context, changed, old runtime.Object) (runtime.Object, error) {
		if err := keepManagedFields(changed, old); err != nil {
			return nil, err
		}
		if d.admit.Handles(admission.Update) {
			attributes := d.attributes(changed, old, accessor.GetName(), subresource, admission.Update, &options, options.DryRun)
			return changed, d.admit.Admit(ctx, attributes, objectInterfaces)
		}
		return changed, nil
	}
	attributes := d.attributes(updated, nil, accessor.GetName(), subresource, admission.Update, &options, options.DryRun)
	stored, _, err := store.Update(ctx, accessor.GetName(), rest.DefaultUpdatedObjectInfo(updated, admit),
		rest.AdmissionToValidateObjectFunc(d.admit, attributes, objectInterfaces),
		rest.AdmissionToValidateObjectUpdateFunc(d.admit, attributes, objectInterfaces), false, &options)
	return own[T](stored, err)
}

// keepManagedFields leaves the account of who owns which field as it was: writers below the HTTP chain keep none, and often
// write what they read without it.
func keepManagedFields(obj, old runtime.Object) error {
	accessor, err := meta.Accessor(obj)
	if err != nil {
		return err
	}
	before, err := meta.Accessor(old)
	if err != nil {
		return err
	}
	accessor.SetManagedFields(before.GetManagedFields())
	return nil
}

// Delete is that of a typed client.
func (d direct[T, L]) Delete(ctx context.Context, name string, options metav1.DeleteOptions) error {
	ctx = d.context(ctx)
	attributes := d.attributes(nil, nil, name, "", admission.Delete, &options, options.DryRun)
	if d.admit.Handles(admission.Delete) {
		if err := d.admit.Admit(ctx, attributes, objectInterfaces); err != nil {
			return err
		}
	}
	_, _, err := d.registry.Delete(ctx, name, rest.AdmissionToValidateObjectDeleteFunc(d.admit, attributes, objectInterfaces), &options)
	return err
}

// Get is that of a typed client.
func (d direct[T, L]) Get(ctx context.Context, name string, options metav1.GetOptions) (T, error) {
	obj, err := d.registry.Get(d.context(ctx), name, &options)
	return own[T](obj, err)
}

// List is that of a typed client.
func (d direct[T, L]) List(ctx context.Context, options metav1.ListOptions) (L, error) {
	var none L
	internal, err := listOptions(d.registry.kind, options)
	if err != nil {
		return none, err
	}
	list, err := d.registry.List(d.context(ctx), internal)
	return own[L](list, err)
}

// Watch is that of a typed client.
func (d direct[T, L]) Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	options.Watch = true
	internal, err := listOptions(d.registry.kind, options)
	if err != nil {
		return nil, err
	}
	events, err := d.registry.Watch(d.context(ctx), internal)
	if err != nil {
		return nil, err
	}
	return watch.Filter(events, func(event watch.Event) (watch.Event, bool) {
		// The cache wraps what it sends to several watchers, so as to encode it once.
		if cached, ok := event.Object.(runtime.CacheableObject); ok {
			event.Object = cached.GetObject()
		}
		return event, true
	}), nil
}

// own is a copy of what a store gave, as its type.
func own[T runtime.Object](obj runtime.Object, err error) (T, error) {
	if err != nil || obj == nil {
		var none T
		return none, err
	}
	return obj.DeepCopyObject().(T), nil
}

func listOptions(kind api.Kind, options metav1.ListOptions) (*metainternalversion.ListOptions, error) {
	internal := &metainternalversion.ListOptions{}
	if err := metainternalversion.Convert_v1_ListOptions_To_internalversion_ListOptions(&options, internal, nil); err != nil {
		return nil, err
	}
	if internal.FieldSelector != nil {
		selector, err := internal.FieldSelector.Transform(func(label, value string) (string, string, error) {
			return api.Scheme.ConvertFieldLabel(kind.GroupVersionKind, label, value)
		})
		if err != nil {
			return nil, err
		}
		internal.FieldSelector = selector
	}
	return internal, nil
}
