package api

import (
	"maps"
	"math"
	"net"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validatePod judges a Pod alone. Two rules are for Pods and not for templates: images have no stray spaces, and
// ports on the host's network are spelled out, as defaulting has done.
func validatePod(pod *corev1.Pod) field.ErrorList {
	errs := validateAppArmorAnnotations(pod.Annotations, metadataPath.Child("annotations"))
	errs = append(errs, validatePodSpec(&pod.Spec, specPath)...)
	errs = append(errs, validateHostPorts(&pod.Spec, specPath, false)...)
	for _, list := range containerLists(&pod.Spec, specPath) {
		for i, c := range list.containers {
			if strings.TrimSpace(c.Image) != c.Image {
				errs = append(errs, field.Invalid(list.path.Index(i).Child("image"), c.Image, "must not have leading or trailing whitespace"))
			}
		}
	}
	return errs
}

var restartPolicies = []corev1.RestartPolicy{corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever}

// validatePodSpec judges what Pods and templates have in common.
func validatePodSpec(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	errs := refusedFields(spec, path)
	errs = append(errs, validateVolumes(spec.Volumes, path.Child("volumes"))...)
	errs = append(errs, validateAllContainers(spec, path)...)
	errs = append(errs, oneOf(spec.RestartPolicy, path.Child("restartPolicy"), restartPolicies...)...)
	if seconds := spec.TerminationGracePeriodSeconds; seconds != nil {
		errs = append(errs, apivalidation.ValidateNonnegativeField(*seconds, path.Child("terminationGracePeriodSeconds"))...)
	}
	if seconds := spec.ActiveDeadlineSeconds; seconds != nil && (*seconds < 1 || *seconds > math.MaxInt32) {
		errs = append(errs, field.Invalid(path.Child("activeDeadlineSeconds"), *seconds, validation.InclusiveRangeError(1, math.MaxInt32)))
	}
	errs = append(errs, optionalName(spec.ServiceAccountName, path.Child("serviceAccountName"), validation.IsDNS1123Subdomain)...)
	errs = append(errs, optionalName(spec.PriorityClassName, path.Child("priorityClassName"), validation.IsDNS1123Subdomain)...)
	errs = append(errs, optionalName(spec.NodeName, path.Child("nodeName"), validation.IsDNS1123Subdomain)...)
	errs = append(errs, optionalName(spec.Hostname, path.Child("hostname"), validation.IsDNS1123Label)...)
	errs = append(errs, optionalName(spec.Subdomain, path.Child("subdomain"), validation.IsDNS1123Label)...)
	errs = append(errs, validateHostAliases(spec.HostAliases, path.Child("hostAliases"))...)
	errs = append(errs, validatePodSecurity(spec.SecurityContext, path.Child("securityContext"))...)
	errs = append(errs, validateScheduling(spec, path)...)
	return append(errs, validateGates(spec, path)...)
}

// containerList is one of a spec's lists of containers and where it is.
type containerList struct {
	containers []corev1.Container
	path       *field.Path
}

func containerLists(spec *corev1.PodSpec, path *field.Path) []containerList {
	return []containerList{{spec.InitContainers, path.Child("initContainers")}, {spec.Containers, path.Child("containers")}}
}

func validateHostAliases(aliases []corev1.HostAlias, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, alias := range aliases {
		if net.ParseIP(alias.IP) == nil {
			errs = append(errs, field.Invalid(path.Index(i).Child("ip"), alias.IP, "must be valid IP address"))
		}
		for j, name := range alias.Hostnames {
			errs = append(errs, requiredName(name, path.Index(i).Child("hostnames").Index(j), validation.IsDNS1123Subdomain)...)
		}
	}
	return errs
}

// validateGates judges what holds back the Pod's scheduling and its readiness.
func validateGates(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, gate := range spec.SchedulingGates {
		gatePath := path.Child("schedulingGates").Index(i)
		errs = append(errs, requiredName(gate.Name, gatePath.Child("name"), validation.IsQualifiedName)...)
		if seen.Has(gate.Name) {
			errs = append(errs, field.Duplicate(gatePath, gate.Name))
		}
		seen.Insert(gate.Name)
	}
	if len(spec.SchedulingGates) > 0 && spec.NodeName != "" {
		errs = append(errs, field.Forbidden(path.Child("nodeName"), "cannot be set until all schedulingGates have been cleared"))
	}
	for i, gate := range spec.ReadinessGates {
		errs = append(errs, requiredName(string(gate.ConditionType), path.Child("readinessGates").Index(i).Child("conditionType"), validation.IsQualifiedName)...)
	}
	return errs
}

// validateAppArmorAnnotations refuses the old way to ask for a profile; the new way is in pod_unsupported.go.
func validateAppArmorAnnotations(annotations map[string]string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		profile := annotations[key]
		if strings.HasPrefix(key, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix) && profile != corev1.DeprecatedAppArmorBetaProfileRuntimeDefault {
			errs = append(errs, field.Forbidden(path.Key(key), appArmorReason))
		}
	}
	return errs
}

// optionalName judges a name that may be left out; judge is one of package validation.
func optionalName(name string, path *field.Path, judge func(string) []string) field.ErrorList {
	if name == "" {
		return nil
	}
	return requiredName(name, path, judge)
}

func requiredName(name string, path *field.Path, judge func(string) []string) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	for _, message := range judge(name) {
		errs = append(errs, field.Invalid(path, name, message))
	}
	return errs
}

// oneOf judges a word that must be one of a few, and must be there.
func oneOf[T ~string](value T, path *field.Path, words ...T) field.ErrorList {
	switch {
	case value == "":
		return field.ErrorList{field.Required(path, "")}
	case !slices.Contains(words, value):
		return field.ErrorList{field.NotSupported(path, value, words)}
	}
	return nil
}
