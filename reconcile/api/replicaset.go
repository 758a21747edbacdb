package api

import (
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

var replicaSet = Of[*appsv1.ReplicaSet]{
	Group: "apps", Version: "v1", Kind: "ReplicaSet", Resource: "replicasets", Singular: "replicaset",
	ShortNames: []string{"rs"}, Categories: []string{"all"}, Namespaced: true,
	New:                    func() *appsv1.ReplicaSet { return &appsv1.ReplicaSet{} },
	NewList:                func() runtime.Object { return &appsv1.ReplicaSetList{} },
	Default:                defaultReplicaSet,
	PrepareForCreate:       prepareReplicaSetForCreate,
	PrepareForUpdate:       prepareReplicaSetForUpdate,
	PrepareForStatusUpdate: func(rs, old *appsv1.ReplicaSet) { rs.Spec, rs.Generation = old.Spec, old.Generation },
	Validate:               validateReplicaSet,
	ValidateUpdate:         validateReplicaSetUpdate,
	ValidateStatusUpdate:   validateReplicaSetStatusUpdate,
	Warnings: func(rs *appsv1.ReplicaSet) []string {
		return podSpecWarnings(&rs.Spec.Template.Spec, templateSpecPath)
	},
	Fields: func(rs *appsv1.ReplicaSet) fields.Set {
		return fields.Set{"status.replicas": strconv.Itoa(int(rs.Status.Replicas))}
	},
	Columns: replicaColumns,
	Row: func(rs *appsv1.ReplicaSet, now time.Time) []any {
		cells := []any{
			rs.Name, int64(ptr.Deref(rs.Spec.Replicas, 0)), int64(rs.Status.Replicas), int64(rs.Status.ReadyReplicas),
			age(rs.CreationTimestamp, now),
		}
		return append(cells, containerCells(rs.Spec.Template.Spec.Containers, metav1.FormatLabelSelector(rs.Spec.Selector))...)
	},
	Scale: func(rs *appsv1.ReplicaSet) *autoscalingv1.Scale {
		return scaleOf(rs.ObjectMeta, rs.Spec.Replicas, rs.Status.Replicas, selectorQuery(rs.Spec.Selector))
	},
	SetReplicas: func(rs *appsv1.ReplicaSet, replicas int32) { rs.Spec.Replicas = &replicas },
}

// replicaColumns are those of ReplicaSets and of ReplicationControllers.
var replicaColumns = append([]metav1.TableColumnDefinition{
	nameColumn,
	column("Desired", "integer", "How many Pods there should be."),
	column("Current", "integer", "How many Pods there are."),
	column("Ready", "integer", "How many of them are ready."),
	ageColumn,
}, containerColumns...)

func defaultReplicaSet(rs *appsv1.ReplicaSet) {
	setDefaultPointer(&rs.Spec.Replicas, 1)
	defaultPodSpec(&rs.Spec.Template.Spec)
}

func prepareReplicaSetForCreate(rs *appsv1.ReplicaSet) {
	rs.Generation = 1
	rs.Status = appsv1.ReplicaSetStatus{}
}

func prepareReplicaSetForUpdate(rs, old *appsv1.ReplicaSet) {
	rs.Status = old.Status
	rs.Generation = nextGeneration(old.Generation, rs.Spec, old.Spec)
}

func validateReplicaSet(rs *appsv1.ReplicaSet) field.ErrorList {
	errs := validateReplicas(rs.Spec.Replicas, rs.Spec.MinReadySeconds)
	errs = append(errs, validateSelector(rs.Spec.Selector, rs.Spec.Template.Labels, "replicaset")...)
	return append(errs, validatePodTemplate(&rs.Spec.Template, specPath.Child("template"), "ReplicaSet")...)
}

func validateReplicaSetUpdate(rs, old *appsv1.ReplicaSet) field.ErrorList {
	return apivalidation.ValidateImmutableField(rs.Spec.Selector, old.Spec.Selector, specPath.Child("selector"))
}

func validateReplicaSetStatusUpdate(rs, _ *appsv1.ReplicaSet) field.ErrorList {
	errs := validateReplicaCounts(rs.Status.Replicas, rs.Status.FullyLabeledReplicas, rs.Status.ReadyReplicas,
		rs.Status.AvailableReplicas, rs.Status.ObservedGeneration)
	return append(errs, validateCounts(count{field: "terminatingReplicas", value: ptr.Deref(rs.Status.TerminatingReplicas, 0)})...)
}

// validateReplicaCounts judges the status of a ReplicaSet or ReplicationController.
func validateReplicaCounts(replicas, fullyLabeled, ready, available int32, observed int64) field.ErrorList {
	errs := validateCounts(
		count{field: "replicas", value: replicas},
		count{field: "fullyLabeledReplicas", value: fullyLabeled, atMost: "replicas"},
		count{field: "readyReplicas", value: ready, atMost: "replicas"},
		count{field: "availableReplicas", value: available, atMost: "replicas"},
		count{field: "availableReplicas", value: available, atMost: "readyReplicas"},
	)
	return append(errs, apivalidation.ValidateNonnegativeField(observed, statusPath.Child("observedGeneration"))...)
}
