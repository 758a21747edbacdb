package api

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

var deployment = Of[*appsv1.Deployment]{
	Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments", Singular: "deployment",
	ShortNames: []string{"deploy"}, Categories: []string{"all"}, Namespaced: true,
	New:                    func() *appsv1.Deployment { return &appsv1.Deployment{} },
	NewList:                func() runtime.Object { return &appsv1.DeploymentList{} },
	Default:                defaultDeployment,
	PrepareForCreate:       prepareDeploymentForCreate,
	PrepareForUpdate:       prepareDeploymentForUpdate,
	PrepareForStatusUpdate: prepareDeploymentForStatusUpdate,
	Validate:               validateDeployment,
	ValidateUpdate:         validateDeploymentUpdate,
	ValidateStatusUpdate:   validateDeploymentStatusUpdate,
	Warnings:               deploymentWarnings,
	Columns: append([]metav1.TableColumnDefinition{
		nameColumn,
		column("Ready", "string", "How many Pods are ready, of how many there should be."),
		column("Up-to-date", "integer", "How many Pods are of the newest template."),
		column("Available", "integer", "How many Pods have been ready for minReadySeconds."),
		ageColumn,
	}, containerColumns...),
	Row: func(d *appsv1.Deployment, now time.Time) []any {
		cells := []any{
			d.Name, fmt.Sprintf("%d/%d", d.Status.ReadyReplicas, ptr.Deref(d.Spec.Replicas, 0)),
			int64(d.Status.UpdatedReplicas), int64(d.Status.AvailableReplicas), age(d.CreationTimestamp, now),
		}
		return append(cells, containerCells(d.Spec.Template.Spec.Containers, metav1.FormatLabelSelector(d.Spec.Selector))...)
	},
	Scale: func(d *appsv1.Deployment) *autoscalingv1.Scale {
		return scaleOf(d.ObjectMeta, d.Spec.Replicas, d.Status.Replicas, selectorQuery(d.Spec.Selector))
	},
	SetReplicas: func(d *appsv1.Deployment, replicas int32) { d.Spec.Replicas = &replicas },
}

func defaultDeployment(d *appsv1.Deployment) {
	spec := &d.Spec
	setDefaultPointer(&spec.Replicas, 1)
	setDefaultPointer(&spec.RevisionHistoryLimit, 10)
	setDefaultPointer(&spec.ProgressDeadlineSeconds, 600)
	setDefault(&spec.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		setDefaultPointer(&spec.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
		setDefaultPointer(&spec.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
		setDefaultPointer(&spec.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
	}
	defaultPodSpec(&spec.Template.Spec)
}

func prepareDeploymentForCreate(d *appsv1.Deployment) {
	d.Generation = 1
	d.Status = appsv1.DeploymentStatus{}
}

// prepareDeploymentForUpdate counts a change of annotations too: the controller copies them to the ReplicaSet.
func prepareDeploymentForUpdate(d, old *appsv1.Deployment) {
	d.Status = old.Status
	dropRollingUpdate(&d.Spec.Strategy, old.Spec.Strategy)
	d.Generation = nextGeneration(old.Generation,
		[]any{d.Spec, d.Annotations}, []any{old.Spec, old.Annotations})
}

// dropRollingUpdate takes away what is left of rolling updates, mostly defaults, where Pods are recreated from now on. Who
// applies only what they mean, as server-side apply does, could not: the type alone would be refused for it.
func dropRollingUpdate(strategy *appsv1.DeploymentStrategy, old appsv1.DeploymentStrategy) {
	if strategy.Type == appsv1.RecreateDeploymentStrategyType && old.Type != strategy.Type && reflect.DeepEqual(strategy.RollingUpdate, old.RollingUpdate) {
		strategy.RollingUpdate = nil
	}
}

func prepareDeploymentForStatusUpdate(d, old *appsv1.Deployment) {
	d.Spec, d.Labels, d.Generation = old.Spec, old.Labels, old.Generation
}

func deploymentWarnings(d *appsv1.Deployment) []string {
	var warnings []string
	if wrong := validation.IsDNS1123Label(d.Name); d.Name != "" && len(wrong) > 0 {
		warnings = append(warnings, fmt.Sprintf("metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: %v", wrong))
	}
	return append(warnings, podSpecWarnings(&d.Spec.Template.Spec, templateSpecPath)...)
}

func validateDeployment(d *appsv1.Deployment) field.ErrorList {
	errs := validateReplicas(d.Spec.Replicas, d.Spec.MinReadySeconds)
	errs = append(errs, validateSelector(d.Spec.Selector, d.Spec.Template.Labels, "deployment")...)
	errs = append(errs, validatePodTemplate(&d.Spec.Template, specPath.Child("template"), "Deployment")...)
	errs = append(errs, validateStrategy(&d.Spec.Strategy, specPath.Child("strategy"))...)
	errs = append(errs, apivalidation.ValidateNonnegativeField(int64(ptr.Deref(d.Spec.RevisionHistoryLimit, 0)), specPath.Child("revisionHistoryLimit"))...)
	if deadline := d.Spec.ProgressDeadlineSeconds; deadline != nil {
		path := specPath.Child("progressDeadlineSeconds")
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*deadline), path)...)
		if *deadline <= d.Spec.MinReadySeconds {
			errs = append(errs, field.Invalid(path, *deadline, "must be greater than minReadySeconds"))
		}
	}
	return errs
}

func validateStrategy(strategy *appsv1.DeploymentStrategy, path *field.Path) field.ErrorList {
	rolling := strategy.RollingUpdate
	switch strategy.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if rolling != nil {
			return field.ErrorList{field.Forbidden(path.Child("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'")}
		}
		return nil
	case appsv1.RollingUpdateDeploymentStrategyType:
	default:
		return field.ErrorList{field.NotSupported(path.Child("type"), strategy.Type, []appsv1.DeploymentStrategyType{
			appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType})}
	}
	if rolling == nil {
		return field.ErrorList{field.Required(path.Child("rollingUpdate"), "this should be defaulted and never be nil")}
	}
	path = path.Child("rollingUpdate")
	unavailable, surge := ptr.Deref(rolling.MaxUnavailable, intstr.IntOrString{}), ptr.Deref(rolling.MaxSurge, intstr.IntOrString{})
	errs := validateIntOrPercent(unavailable, path.Child("maxUnavailable"))
	errs = append(errs, validateIntOrPercent(surge, path.Child("maxSurge"))...)
	if len(errs) > 0 {
		return errs
	}
	if numberOf(unavailable) == 0 && numberOf(surge) == 0 {
		errs = append(errs, field.Invalid(path.Child("maxUnavailable"), &unavailable, "may not be 0 when `maxSurge` is 0"))
	}
	if unavailable.Type == intstr.String && numberOf(unavailable) > 100 {
		errs = append(errs, field.Invalid(path.Child("maxUnavailable"), &unavailable, "must not be greater than 100%"))
	}
	return errs
}

func validateIntOrPercent(value intstr.IntOrString, path *field.Path) field.ErrorList {
	if value.Type == intstr.Int {
		return apivalidation.ValidateNonnegativeField(int64(value.IntVal), path)
	}
	var errs field.ErrorList
	for _, message := range validation.IsValidPercent(value.StrVal) {
		errs = append(errs, field.Invalid(path, value.StrVal, message))
	}
	return errs
}

// numberOf is 3 of 3 and 25 of "25%". The value is valid.
func numberOf(value intstr.IntOrString) int {
	if value.Type == intstr.Int {
		return value.IntValue()
	}
	number, _ := strconv.Atoi(strings.TrimSuffix(value.StrVal, "%")) // digits; too many of them give the largest int
	return number
}

func validateDeploymentUpdate(d, old *appsv1.Deployment) field.ErrorList {
	return apivalidation.ValidateImmutableField(d.Spec.Selector, old.Spec.Selector, specPath.Child("selector"))
}

// validateDeploymentStatusUpdate also holds the collision count to grow: a name that collided would be tried again.
func validateDeploymentStatusUpdate(d, old *appsv1.Deployment) field.ErrorList {
	s := d.Status
	errs := validateCounts(
		count{field: "replicas", value: s.Replicas},
		count{field: "updatedReplicas", value: s.UpdatedReplicas, atMost: "replicas"},
		count{field: "readyReplicas", value: s.ReadyReplicas, atMost: "replicas"},
		count{field: "availableReplicas", value: s.AvailableReplicas, atMost: "replicas"},
		count{field: "availableReplicas", value: s.AvailableReplicas, atMost: "readyReplicas"},
		count{field: "unavailableReplicas", value: s.UnavailableReplicas},
		count{field: "terminatingReplicas", value: ptr.Deref(s.TerminatingReplicas, 0)},
	)
	errs = append(errs, apivalidation.ValidateNonnegativeField(s.ObservedGeneration, statusPath.Child("observedGeneration"))...)
	path := statusPath.Child("collisionCount")
	switch {
	case s.CollisionCount == nil && old.Status.CollisionCount != nil:
		errs = append(errs, field.Required(path, "cannot be removed once set"))
	case s.CollisionCount != nil && *s.CollisionCount < ptr.Deref(old.Status.CollisionCount, 0):
		errs = append(errs, field.Invalid(path, *s.CollisionCount, "cannot be decremented"))
	}
	return errs
}
