package apiserver

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// scaleREST is the /scale of a kind: its replicas, seen as an autoscaling/v1 Scale.
type scaleREST struct{ registry *registry }

var (
	_ rest.Patcher                  = &scaleREST{}
	_ rest.GroupVersionKindProvider = &scaleREST{}
)

func (s *scaleREST) New() runtime.Object { return &autoscalingv1.Scale{} }

// Destroy does nothing: the storage belongs to the main resource.
func (s *scaleREST) Destroy() {}

func (s *scaleREST) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return autoscalingv1.SchemeGroupVersion.WithKind("Scale")
}

func (s *scaleREST) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	obj, err := s.registry.Get(ctx, name, options)
	if err != nil {
		return nil, err
	}
	return s.registry.kind.Scale(obj), nil
}

func (s *scaleREST) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, createValidation rest.ValidateObjectFunc,
	updateValidation rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	scaled := &scaledObject{UpdatedObjectInfo: info, registry: s.registry, name: name}
	validate := func(ctx context.Context, obj, old runtime.Object) error {
		return updateValidation(ctx, s.registry.kind.Scale(obj), s.registry.kind.Scale(old))
	}
	obj, _, err := s.registry.Update(ctx, name, scaled, createValidation, validate, false, options)
	if err != nil {
		return nil, false, err
	}
	return s.registry.kind.Scale(obj), false, nil
}

func (s *scaleREST) ConvertToTable(ctx context.Context, object, options runtime.Object) (*metav1.Table, error) {
	return rest.NewDefaultTableConvertor(schema.GroupResource{Group: "autoscaling", Resource: "scales"}).ConvertToTable(ctx, object, options)
}

// scaledObject turns an update of the Scale into one of the object behind it, and keeps account of who owns replicas.
type scaledObject struct {
	rest.UpdatedObjectInfo
	registry *registry
	name     string
}

func (s *scaledObject) UpdatedObject(ctx context.Context, old runtime.Object) (runtime.Object, error) {
	kind := s.registry.kind
	obj := old.DeepCopyObject()
	accessor, err := meta.Accessor(obj)
	if err != nil {
		return nil, err
	}
	if accessor.GetResourceVersion() == "" {
		return nil, apierrors.NewNotFound(groupResource(kind), s.name)
	}
	handler := managedfields.NewScaleHandler(accessor.GetManagedFields(), kind.GroupVersion(), replicasPaths(kind.GroupVersion()))
	before := kind.Scale(obj)
	before.ManagedFields, err = handler.ToSubresource()
	if err != nil {
		return nil, err
	}
	updated, err := s.UpdatedObjectInfo.UpdatedObject(ctx, before)
	if err != nil {
		return nil, err
	}
	scale, ok := updated.(*autoscalingv1.Scale)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("expected a Scale, got %T", updated))
	}
	if scale.Spec.Replicas < 0 {
		return nil, apierrors.NewInvalid(autoscalingv1.SchemeGroupVersion.WithKind("Scale").GroupKind(), s.name, field.ErrorList{
			field.Invalid(field.NewPath("spec", "replicas"), scale.Spec.Replicas, "must be greater than or equal to 0")})
	}
	if scale.ResourceVersion != "" {
		if scale.ResourceVersion != accessor.GetResourceVersion() {
			return nil, apierrors.NewConflict(groupResource(kind), s.name, fmt.Errorf("the object has been modified; please apply your changes to the latest version and try again"))
		}
	}
	kind.SetReplicas(obj, scale.Spec.Replicas)
	owners, err := handler.ToParent(scale.ManagedFields)
	if err != nil {
		return nil, err
	}
	accessor.SetManagedFields(owners)
	return obj, nil
}

func replicasPaths(version schema.GroupVersion) managedfields.ResourcePathMappings {
	return managedfields.ResourcePathMappings{version.String(): fieldpath.MakePathOrDie("spec", "replicas")}
}
