package api

import (
	"slices"
	"strings"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// What Deployments, ReplicaSets and ReplicationControllers share: a number of Pods, a selector, a template.

var (
	specPath         = field.NewPath("spec")
	statusPath       = field.NewPath("status")
	metadataPath     = field.NewPath("metadata")
	templateSpecPath = specPath.Child("template", "spec")
)

// validatePodTemplate judges the template of a controller that replaces Pods for ever: they must restart for ever too.
// kind is for the message.
func validatePodTemplate(template *corev1.PodTemplateSpec, path *field.Path, kind string) field.ErrorList {
	errs := validateTemplate(template, path)
	if policy := template.Spec.RestartPolicy; policy != corev1.RestartPolicyAlways && slices.Contains(restartPolicies, policy) {
		errs = append(errs, field.NotSupported(path.Child("spec", "restartPolicy"), policy, []corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	if template.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(path.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in "+kind+" is not Supported"))
	}
	return errs
}

// validateTemplate judges the template of any Pods.
func validateTemplate(template *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	errs := metav1validation.ValidateLabels(template.Labels, path.Child("metadata", "labels"))
	errs = append(errs, apivalidation.ValidateAnnotations(template.Annotations, path.Child("metadata", "annotations"))...)
	errs = append(errs, validateAppArmorAnnotations(template.Annotations, path.Child("metadata", "annotations"))...)
	errs = append(errs, validatePodSpec(&template.Spec, path.Child("spec"))...)
	return append(errs, validateHostPorts(&template.Spec, path.Child("spec"), true)...)
}

// validateReplicas judges the two numbers that all three have.
func validateReplicas(replicas *int32, minReadySeconds int32) field.ErrorList {
	errs := apivalidation.ValidateNonnegativeField(int64(ptr.Deref(replicas, 0)), specPath.Child("replicas"))
	return append(errs, apivalidation.ValidateNonnegativeField(int64(minReadySeconds), specPath.Child("minReadySeconds"))...)
}

// validateSelector judges a selector and that it finds the Pods of the template. kind is for the message.
func validateSelector(selector *metav1.LabelSelector, template map[string]string, kind string) field.ErrorList {
	path := specPath.Child("selector")
	if selector == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, path)
	if len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		errs = append(errs, field.Invalid(path, selector, "empty selector is invalid for "+kind))
	}
	if len(errs) > 0 {
		return errs
	}
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return field.ErrorList{field.Invalid(path, selector, "invalid label selector")}
	}
	return validateSelected(compiled, template)
}

func validateSelected(selector labels.Selector, template map[string]string) field.ErrorList {
	if selector.Empty() || selector.Matches(labels.Set(template)) {
		return nil
	}
	return field.ErrorList{field.Invalid(specPath.Child("template", "metadata", "labels"), template, "`selector` does not match template `labels`")}
}

// A count is one number of a status, for validateCounts.
type count struct {
	field  string
	value  int32
	atMost string // the field that it cannot exceed, "" for none
}

// validateCounts judges the numbers of a status, each against those before it.
func validateCounts(counts ...count) field.ErrorList {
	var errs field.ErrorList
	values := map[string]int32{}
	for _, c := range counts {
		path := statusPath.Child(c.field)
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(c.value), path)...)
		if c.atMost != "" && c.value > values[c.atMost] {
			errs = append(errs, field.Invalid(path, c.value, "cannot be greater than "+statusWord(c.atMost)))
		}
		values[c.field] = c.value
	}
	return errs
}

// statusWord is how upstream's messages name a field of the status.
func statusWord(name string) string {
	if name == "replicas" {
		return "status.replicas"
	}
	return name
}

// nextGeneration is the old generation, plus one where what the controllers read has changed.
func nextGeneration(old int64, now, before any) int64 {
	if apiequality.Semantic.DeepEqual(now, before) {
		return old
	}
	return old + 1
}

// scaleOf is the /scale of a workload. selector is in the form of a query, as "app=web,tier in (a,b)".
func scaleOf(meta metav1.ObjectMeta, desired *int32, actual int32, selector string) *autoscalingv1.Scale {
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: meta.Name, Namespace: meta.Namespace, UID: meta.UID,
			ResourceVersion: meta.ResourceVersion, CreationTimestamp: meta.CreationTimestamp,
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: ptr.Deref(desired, 0)},
		Status: autoscalingv1.ScaleStatus{Replicas: actual, Selector: selector},
	}
}

// selectorQuery is a selector in the form of a query; one that cannot be compiled finds nothing and reads "".
func selectorQuery(selector *metav1.LabelSelector) string {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return ""
	}
	return compiled.String()
}

// containerColumns and containerCells are the wide columns on what a template runs.
var containerColumns = []metav1.TableColumnDefinition{
	wide("Containers", "string", "Names of the template's containers."),
	wide("Images", "string", "Images of the template's containers."),
	wide("Selector", "string", "Labels that the Pods have."),
}

func containerCells(containers []corev1.Container, selector string) []any {
	names, images := make([]string, len(containers)), make([]string, len(containers))
	for i, c := range containers {
		names[i], images[i] = c.Name, c.Image
	}
	return []any{strings.Join(names, ","), strings.Join(images, ","), selector}
}
