package api

import (
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Kind is all that the API server knows of one served kind. Build it with Of. Funcs that are nil do nothing,
// except that New, NewList and Row must be set. Objects passed in are of New's type and may be changed only by the funcs
// whose comment says so.
type Kind struct {
	schema.GroupVersionKind
	Resource   string // plural, as in URLs: "deployments"
	Singular   string
	ShortNames []string
	Categories []string // "all" is what `kubectl get all` shows
	Namespaced bool

	New, NewList func() runtime.Object
	// Served and ServedList are the structs that clients of this version see where they are not New's: then New's are only
	// the hub, in which every other func here thinks, and Convert registers the conversions between the two. Nil: New's are served.
	Served, ServedList func() runtime.Object
	Convert            func(*runtime.Scheme) error

	// ValidateName says what is wrong with a name, in words that follow "Invalid value: …"; with prefix, name is a generateName.
	// It is never nil: where Of has none, names are DNS subdomains.
	ValidateName func(name string, prefix bool) []string

	// Default fills the object's defaults in place.
	Default func(obj runtime.Object)
	// PrepareForCreate clears what a client may not set (status, generation 1) in place.
	PrepareForCreate func(obj runtime.Object)
	// PrepareForUpdate restores in obj what this endpoint may not change, and increments the generation when the spec changed.
	PrepareForUpdate func(obj, old runtime.Object)
	// PrepareForStatusUpdate restores in obj all but the status. Nil means that there is no /status.
	PrepareForStatusUpdate func(obj, old runtime.Object)

	// Validate judges an object alone: on create, and on update before ValidateUpdate. ObjectMeta is the registry's to judge.
	Validate func(obj runtime.Object) field.ErrorList
	// ValidateCreate judges, after Validate, what only a new object must not be.
	ValidateCreate       func(obj runtime.Object) field.ErrorList
	ValidateUpdate       func(obj, old runtime.Object) field.ErrorList
	ValidateStatusUpdate func(obj, old runtime.Object) field.ErrorList
	// Warnings are printed by kubectl on create and update.
	Warnings func(obj runtime.Object) []string

	// AllowCreateOnUpdate makes PUT of a missing object create it.
	AllowCreateOnUpdate bool
	// GracePeriod is how many seconds a deleted object stays, marked, until its node confirms; asked is what the client
	// wants, nil if it did not say. Zero deletes at once, as does a nil func.
	GracePeriod func(obj runtime.Object, asked *int64) int64

	// Fields are what field selectors can match, beside metadata.name and metadata.namespace.
	Fields func(obj runtime.Object) fields.Set
	// FieldNames says, for clients of this version, which key of Fields a name in a field selector means. Nil: the keys themselves.
	FieldNames map[string]string

	// Columns and Row are the table of `kubectl get`. Columns of priority 1 appear with -o wide. Row gives one cell a column;
	// now is for ages.
	Columns []metav1.TableColumnDefinition
	Row     func(obj runtime.Object, now time.Time) []any

	// Scale reads the /scale subresource; SetReplicas writes it in place. Nil means that there is none.
	Scale       func(obj runtime.Object) *autoscalingv1.Scale
	SetReplicas func(obj runtime.Object, replicas int32)
}

// Of is a Kind over its Go type T: what a file of this package writes down.
type Of[T runtime.Object] struct {
	Group, Version, Kind   string
	Resource, Singular     string
	ShortNames, Categories []string
	Namespaced             bool
	New                    func() T
	NewList                func() runtime.Object
	Served, ServedList     func() runtime.Object
	Convert                func(*runtime.Scheme) error
	ValidateName           func(name string, prefix bool) []string
	Default                func(T)
	PrepareForCreate       func(T)
	PrepareForUpdate       func(obj, old T)
	PrepareForStatusUpdate func(obj, old T)
	Validate               func(T) field.ErrorList
	ValidateCreate         func(T) field.ErrorList
	ValidateUpdate         func(obj, old T) field.ErrorList
	ValidateStatusUpdate   func(obj, old T) field.ErrorList
	Warnings               func(T) []string
	AllowCreateOnUpdate    bool
	GracePeriod            func(obj T, asked *int64) int64
	Fields                 func(T) fields.Set
	FieldNames             map[string]string
	Columns                []metav1.TableColumnDefinition
	Row                    func(obj T, now time.Time) []any
	Scale                  func(T) *autoscalingv1.Scale
	SetReplicas            func(obj T, replicas int32)
}

// Erase gives the Kind for all types alike.
func (o Of[T]) Erase() Kind {
	if o.ValidateName == nil {
		o.ValidateName = apivalidation.NameIsDNSSubdomain
	}
	return Kind{
		GroupVersionKind:       schema.GroupVersionKind{Group: o.Group, Version: o.Version, Kind: o.Kind},
		Resource:               o.Resource,
		Singular:               o.Singular,
		ShortNames:             o.ShortNames,
		Categories:             o.Categories,
		Namespaced:             o.Namespaced,
		New:                    func() runtime.Object { return o.New() },
		NewList:                o.NewList,
		Served:                 o.Served,
		ServedList:             o.ServedList,
		Convert:                o.Convert,
		ValidateName:           o.ValidateName,
		Default:                one(o.Default),
		PrepareForCreate:       one(o.PrepareForCreate),
		PrepareForUpdate:       two(o.PrepareForUpdate),
		PrepareForStatusUpdate: two(o.PrepareForStatusUpdate),
		Validate:               oneOut(o.Validate),
		ValidateCreate:         oneOut(o.ValidateCreate),
		ValidateUpdate:         twoOut(o.ValidateUpdate),
		ValidateStatusUpdate:   twoOut(o.ValidateStatusUpdate),
		Warnings:               oneOut(o.Warnings),
		AllowCreateOnUpdate:    o.AllowCreateOnUpdate,
		GracePeriod:            gracePeriod(o.GracePeriod),
		Fields:                 oneOut(o.Fields),
		FieldNames:             o.FieldNames,
		Columns:                o.Columns,
		Row:                    func(obj runtime.Object, now time.Time) []any { return o.Row(obj.(T), now) },
		Scale:                  oneOut(o.Scale),
		SetReplicas:            setReplicas(o.SetReplicas),
	}
}

func one[T runtime.Object](f func(T)) func(runtime.Object) {
	if f == nil {
		return nil
	}
	return func(obj runtime.Object) { f(obj.(T)) }
}

func two[T runtime.Object](f func(obj, old T)) func(obj, old runtime.Object) {
	if f == nil {
		return nil
	}
	return func(obj, old runtime.Object) { f(obj.(T), old.(T)) }
}

func oneOut[T runtime.Object, R any](f func(T) R) func(runtime.Object) R {
	if f == nil {
		return nil
	}
	return func(obj runtime.Object) R { return f(obj.(T)) }
}

func twoOut[T runtime.Object, R any](f func(obj, old T) R) func(obj, old runtime.Object) R {
	if f == nil {
		return nil
	}
	return func(obj, old runtime.Object) R { return f(obj.(T), old.(T)) }
}

func setReplicas[T runtime.Object](f func(T, int32)) func(runtime.Object, int32) {
	if f == nil {
		return nil
	}
	return func(obj runtime.Object, n int32) { f(obj.(T), n) }
}

func gracePeriod[T runtime.Object](f func(T, *int64) int64) func(runtime.Object, *int64) int64 {
	if f == nil {
		return nil
	}
	return func(obj runtime.Object, asked *int64) int64 { return f(obj.(T), asked) }
}
