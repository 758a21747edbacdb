package api

import (
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var controllerRevision = Of[*appsv1.ControllerRevision]{
	Group: appsv1.GroupName, Version: "v1", Kind: "ControllerRevision",
	Resource: "controllerrevisions", Singular: "controllerrevision", Namespaced: true,
	New:            func() *appsv1.ControllerRevision { return &appsv1.ControllerRevision{} },
	NewList:        func() runtime.Object { return &appsv1.ControllerRevisionList{} },
	Validate:       validateControllerRevision,
	ValidateUpdate: validateControllerRevisionUpdate,
	Columns: []metav1.TableColumnDefinition{
		nameColumn,
		column("Controller", "string", "Controller of the object"),
		column("Revision", "integer", "Number of the revision."),
		ageColumn,
	},
	Row: func(r *appsv1.ControllerRevision, now time.Time) []any {
		return []any{r.Name, controllerName(r), r.Revision, age(r.CreationTimestamp, now)}
	},
}

// controllerName is kubectl's name of the object's controller, "statefulset.apps/web".
func controllerName(obj metav1.Object) string {
	owner := metav1.GetControllerOf(obj)
	if owner == nil {
		return none
	}
	kind := schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind()
	return strings.ToLower(kind.String()) + "/" + owner.Name
}

func validateControllerRevision(r *appsv1.ControllerRevision) field.ErrorList {
	errs := apivalidation.ValidateNonnegativeField(r.Revision, field.NewPath("revision"))
	if len(r.Data.Raw) == 0 && r.Data.Object == nil {
		errs = append(errs, field.Required(field.NewPath("data"), "data is mandatory"))
	}
	return errs
}

func validateControllerRevisionUpdate(r, old *appsv1.ControllerRevision) field.ErrorList {
	return apivalidation.ValidateImmutableField(r.Data, old.Data, field.NewPath("data"))
}
