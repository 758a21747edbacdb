package apiserver

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"

	"coracle.dev/coracle/reconcile/api"
)

// absentREST is the resource of a kind of which there are no objects: its lists are empty, and who makes one is told why
// that is refused.
type absentREST struct {
	rest.TableConvertor
	kind api.AbsentKind
}

var (
	_ rest.Lister               = &absentREST{}
	_ rest.Patcher              = &absentREST{}
	_ rest.Creater              = &absentREST{}
	_ rest.Scoper               = &absentREST{}
	_ rest.ShortNamesProvider   = &absentREST{}
	_ rest.CategoriesProvider   = &absentREST{}
	_ rest.SingularNameProvider = &absentREST{}
)

// addAbsent adds the resources of api.AbsentKinds.
func addAbsent(storages map[schema.GroupVersion]map[string]rest.Storage) {
	for _, kind := range api.AbsentKinds() {
		resource := schema.GroupResource{Group: kind.Group, Resource: kind.Resource}
		if storages[kind.GroupVersion()] == nil {
			storages[kind.GroupVersion()] = map[string]rest.Storage{}
		}
		storages[kind.GroupVersion()][kind.Resource] = &absentREST{rest.NewDefaultTableConvertor(resource), kind}
	}
}

func (a *absentREST) New() runtime.Object     { return a.kind.New() }
func (a *absentREST) NewList() runtime.Object { return a.kind.NewList() }

// Destroy does nothing: there is no storage.
func (a *absentREST) Destroy() {}

func (a *absentREST) NamespaceScoped() bool   { return a.kind.Namespaced }
func (a *absentREST) GetSingularName() string { return a.kind.Singular }
func (a *absentREST) ShortNames() []string    { return a.kind.ShortNames }
func (a *absentREST) Categories() []string    { return a.kind.Categories }

func (a *absentREST) List(context.Context, *internalversion.ListOptions) (runtime.Object, error) {
	return a.kind.NewList(), nil
}

func (a *absentREST) Get(_ context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	return nil, apierrors.NewNotFound(a.resource(), name)
}

func (a *absentREST) Create(_ context.Context, obj runtime.Object, _ rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	name := ""
	if named, ok := obj.(metav1.Object); ok {
		name = named.GetName()
	}
	return nil, a.refuse(name)
}

// Update is refused where it would create, which a server-side apply does.
func (a *absentREST) Update(_ context.Context, name string, _ rest.UpdatedObjectInfo, _ rest.ValidateObjectFunc, _ rest.ValidateObjectUpdateFunc,
	create bool, _ *metav1.UpdateOptions) (runtime.Object, bool, error) {
	if create {
		return nil, false, a.refuse(name)
	}
	return nil, false, apierrors.NewNotFound(a.resource(), name)
}

func (a *absentREST) refuse(name string) error {
	return apierrors.NewForbidden(a.resource(), name, errors.New(a.kind.Reason))
}

func (a *absentREST) resource() schema.GroupResource {
	return schema.GroupResource{Group: a.kind.Group, Resource: a.kind.Resource}
}
