package apiserver

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"coracle.dev/coracle/reconcile/api"
)

// strategy is the create, update and delete strategy of every kind: it asks the api.Kind.
type strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
	kind api.Kind
}

var (
	_ rest.RESTCreateStrategy              = strategy{}
	_ rest.RESTUpdateStrategy              = strategy{}
	_ rest.RESTGracefulDeleteStrategy      = gracefulStrategy{}
	_ rest.GarbageCollectionDeleteStrategy = strategy{}
	_ rest.ResetFieldsStrategy             = strategy{}
)

func newStrategy(kind api.Kind) strategy {
	return strategy{ObjectTyper: api.Scheme, NameGenerator: names.SimpleNameGenerator, kind: kind}
}

func (s strategy) NamespaceScoped() bool                         { return s.kind.Namespaced }
func (s strategy) AllowCreateOnUpdate(context.Context) bool      { return s.kind.AllowCreateOnUpdate }
func (s strategy) AllowUnconditionalUpdate(context.Context) bool { return true }
func (s strategy) Canonicalize(runtime.Object)                   {}
func (s strategy) WarningsOnCreate(_ context.Context, obj runtime.Object) []string {
	return warnings(s.kind, obj)
}

func (s strategy) WarningsOnUpdate(_ context.Context, obj, _ runtime.Object) []string {
	return warnings(s.kind, obj)
}

func warnings(kind api.Kind, obj runtime.Object) []string {
	if kind.Warnings == nil {
		return nil
	}
	return kind.Warnings(obj)
}

func (s strategy) PrepareForCreate(_ context.Context, obj runtime.Object) {
	if s.kind.PrepareForCreate != nil {
		s.kind.PrepareForCreate(obj)
	}
}

func (s strategy) Validate(_ context.Context, obj runtime.Object) field.ErrorList {
	errs := validateName(s.kind, obj)
	if s.kind.Validate != nil {
		errs = append(errs, s.kind.Validate(obj)...)
	}
	if s.kind.ValidateCreate != nil {
		errs = append(errs, s.kind.ValidateCreate(obj)...)
	}
	return errs
}

// validateName holds the name, already generated where it was asked for, to the rule of its kind.
func validateName(kind api.Kind, obj runtime.Object) field.ErrorList {
	accessor, err := meta.Accessor(obj)
	if err != nil {
		return field.ErrorList{field.InternalError(field.NewPath("metadata"), err)}
	}
	var errs field.ErrorList
	for _, message := range kind.ValidateName(accessor.GetName(), false) {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), accessor.GetName(), message))
	}
	return errs
}

func (s strategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	if s.kind.PrepareForUpdate != nil {
		s.kind.PrepareForUpdate(obj, old)
	}
}

// ValidateUpdate holds the new object to the rules of creation, and then to those of change.
func (s strategy) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	var errs field.ErrorList
	if s.kind.Validate != nil {
		errs = s.kind.Validate(obj)
	}
	if s.kind.ValidateUpdate != nil {
		errs = append(errs, s.kind.ValidateUpdate(obj, old)...)
	}
	return errs
}

// DefaultGarbageCollectionPolicy is background deletion, as for every kind of today.
func (s strategy) DefaultGarbageCollectionPolicy(context.Context) rest.GarbageCollectionPolicy {
	return rest.DeleteDependents
}

// GetResetFields keeps server-side apply from owning the status through the main resource.
func (s strategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	if s.kind.PrepareForStatusUpdate == nil {
		return nil
	}
	return resetFields(s.kind, "status")
}

func resetFields(kind api.Kind, name string) map[fieldpath.APIVersion]*fieldpath.Set {
	fields := map[fieldpath.APIVersion]*fieldpath.Set{}
	for _, version := range api.Kinds() {
		if groupResource(version) == groupResource(kind) {
			fields[fieldpath.APIVersion(version.GroupVersion().String())] = fieldpath.NewSet(fieldpath.MakePathOrDie(name))
		}
	}
	return fields
}

// gracefulStrategy adds the waiting of a kind whose deletion somebody must confirm.
type gracefulStrategy struct{ strategy }

// CheckGracefulDelete implements rest.RESTGracefulDeleteStrategy.
func (s gracefulStrategy) CheckGracefulDelete(_ context.Context, obj runtime.Object, options *metav1.DeleteOptions) bool {
	if options == nil {
		return false
	}
	period := s.kind.GracePeriod(obj, options.GracePeriodSeconds)
	options.GracePeriodSeconds = &period
	return true
}

// rawStrategy is for writes that the server itself has composed: what a client's update may not touch, it may.
type rawStrategy struct{ strategy }

func (rawStrategy) PrepareForUpdate(context.Context, runtime.Object, runtime.Object) {}

func (rawStrategy) ValidateUpdate(context.Context, runtime.Object, runtime.Object) field.ErrorList {
	return nil
}

func (rawStrategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

// preconditionError is worded as the storage words it.
func preconditionError(asked, found types.UID) error {
	//lint:ignore ST1005 kubectl prints it as upstream's
	return fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", asked, found)
}

// statusStrategy is the strategy of a kind's /status.
type statusStrategy struct{ strategy }

func (s statusStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	s.kind.PrepareForStatusUpdate(obj, old)
}

func (s statusStrategy) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	if s.kind.ValidateStatusUpdate == nil {
		return nil
	}
	return s.kind.ValidateStatusUpdate(obj, old)
}

func (s statusStrategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

func (s statusStrategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return resetFields(s.kind, "spec")
}
