package api

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var podTemplate = Of[*corev1.PodTemplate]{
	Version: "v1", Kind: "PodTemplate", Resource: "podtemplates", Singular: "podtemplate", Namespaced: true,
	New:              func() *corev1.PodTemplate { return &corev1.PodTemplate{} },
	NewList:          func() runtime.Object { return &corev1.PodTemplateList{} },
	Default:          func(t *corev1.PodTemplate) { defaultPodSpec(&t.Template.Spec) },
	PrepareForCreate: func(t *corev1.PodTemplate) { t.Generation = 1 },
	PrepareForUpdate: func(t, old *corev1.PodTemplate) {
		t.Generation = nextGeneration(old.Generation, t.Template, old.Template)
	},
	Validate: func(t *corev1.PodTemplate) field.ErrorList {
		return validateTemplate(&t.Template, field.NewPath("template"))
	},
	Warnings: func(t *corev1.PodTemplate) []string {
		return podSpecWarnings(&t.Template.Spec, field.NewPath("template", "spec"))
	},
	AllowCreateOnUpdate: true,
	Columns: []metav1.TableColumnDefinition{
		nameColumn,
		column("Containers", "string", "Names of the template's containers."),
		column("Images", "string", "Images of the template's containers."),
		column("Pod Labels", "string", "Labels that the Pods have."),
	},
	Row: func(t *corev1.PodTemplate, _ time.Time) []any {
		return append([]any{t.Name}, containerCells(t.Template.Spec.Containers, labels.FormatLabels(t.Template.Labels))...)
	},
}
