package api

import (
	"maps"
	"strconv"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

var replicationController = Of[*corev1.ReplicationController]{
	Version: "v1", Kind: "ReplicationController", Resource: "replicationcontrollers", Singular: "replicationcontroller",
	ShortNames: []string{"rc"}, Categories: []string{"all"}, Namespaced: true,
	New:                    func() *corev1.ReplicationController { return &corev1.ReplicationController{} },
	NewList:                func() runtime.Object { return &corev1.ReplicationControllerList{} },
	Default:                defaultReplicationController,
	PrepareForCreate:       prepareReplicationControllerForCreate,
	PrepareForUpdate:       prepareReplicationControllerForUpdate,
	PrepareForStatusUpdate: func(rc, old *corev1.ReplicationController) { rc.Spec, rc.Generation = old.Spec, old.Generation },
	Validate:               validateReplicationController,
	ValidateStatusUpdate:   validateReplicationControllerStatusUpdate,
	Warnings: func(rc *corev1.ReplicationController) []string {
		if rc.Spec.Template == nil {
			return nil
		}
		return podSpecWarnings(&rc.Spec.Template.Spec, templateSpecPath)
	},
	Fields: func(rc *corev1.ReplicationController) fields.Set {
		return fields.Set{"status.replicas": strconv.Itoa(int(rc.Status.Replicas))}
	},
	Columns: replicaColumns,
	Row:     replicationControllerRow,
	Scale: func(rc *corev1.ReplicationController) *autoscalingv1.Scale {
		return scaleOf(rc.ObjectMeta, rc.Spec.Replicas, rc.Status.Replicas, labels.Set(rc.Spec.Selector).AsSelectorPreValidated().String())
	},
	SetReplicas: func(rc *corev1.ReplicationController, replicas int32) { rc.Spec.Replicas = &replicas },
}

// defaultReplicationController takes the selector and the labels from the template where they are left out.
func defaultReplicationController(rc *corev1.ReplicationController) {
	setDefaultPointer(&rc.Spec.Replicas, 1)
	if rc.Spec.Template == nil {
		return
	}
	defaultPodSpec(&rc.Spec.Template.Spec)
	if len(rc.Spec.Template.Labels) == 0 {
		return
	}
	if len(rc.Spec.Selector) == 0 {
		rc.Spec.Selector = maps.Clone(rc.Spec.Template.Labels)
	}
	if len(rc.Labels) == 0 {
		rc.Labels = maps.Clone(rc.Spec.Template.Labels)
	}
}

func prepareReplicationControllerForCreate(rc *corev1.ReplicationController) {
	rc.Generation = 1
	rc.Status = corev1.ReplicationControllerStatus{}
}

func prepareReplicationControllerForUpdate(rc, old *corev1.ReplicationController) {
	rc.Status = old.Status
	rc.Generation = nextGeneration(old.Generation, rc.Spec, old.Spec)
}

func validateReplicationController(rc *corev1.ReplicationController) field.ErrorList {
	errs := validateReplicas(rc.Spec.Replicas, rc.Spec.MinReadySeconds)
	selectorPath := specPath.Child("selector")
	errs = append(errs, metav1validation.ValidateLabels(rc.Spec.Selector, selectorPath)...)
	if len(rc.Spec.Selector) == 0 {
		errs = append(errs, field.Required(selectorPath, ""))
	}
	if rc.Spec.Template == nil {
		return append(errs, field.Required(specPath.Child("template"), ""))
	}
	errs = append(errs, validateSelected(labels.Set(rc.Spec.Selector).AsSelectorPreValidated(), rc.Spec.Template.Labels)...)
	return append(errs, validatePodTemplate(rc.Spec.Template, specPath.Child("template"), "ReplicationController")...)
}

func validateReplicationControllerStatusUpdate(rc, _ *corev1.ReplicationController) field.ErrorList {
	return validateReplicaCounts(rc.Status.Replicas, rc.Status.FullyLabeledReplicas, rc.Status.ReadyReplicas,
		rc.Status.AvailableReplicas, rc.Status.ObservedGeneration)
}

func replicationControllerRow(rc *corev1.ReplicationController, now time.Time) []any {
	cells := []any{
		rc.Name, int64(ptr.Deref(rc.Spec.Replicas, 0)), int64(rc.Status.Replicas), int64(rc.Status.ReadyReplicas),
		age(rc.CreationTimestamp, now),
	}
	var containers []corev1.Container
	if rc.Spec.Template != nil {
		containers = rc.Spec.Template.Spec.Containers
	}
	return append(cells, containerCells(containers, labels.FormatLabels(rc.Spec.Selector))...)
}
