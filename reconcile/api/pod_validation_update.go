package api

import (
	"math"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const podUpdateRule = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`," +
	"`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.schedulingGates` (only removals)"

// validatePodUpdate lets a Pod change in its images, in a deadline that comes nearer, in more tolerations, and in
// fewer scheduling gates. All else of the spec is for life.
func validatePodUpdate(pod, old *corev1.Pod) field.ErrorList {
	now, before := &pod.Spec, &old.Spec
	for _, lists := range []struct {
		name        string
		now, before []corev1.Container
	}{{"initContainers", now.InitContainers, before.InitContainers}, {"containers", now.Containers, before.Containers}} {
		if len(lists.now) != len(lists.before) {
			return field.ErrorList{field.Forbidden(specPath.Child(lists.name), "pod updates may not add or remove containers")}
		}
	}
	errs := validateDeadlineUpdate(now.ActiveDeadlineSeconds, before.ActiveDeadlineSeconds)
	errs = append(errs, validateTolerationsUpdate(now.Tolerations, before.Tolerations)...)
	for _, gate := range now.SchedulingGates {
		if !slices.Contains(before.SchedulingGates, gate) {
			errs = append(errs, field.Forbidden(specPath.Child("schedulingGates"), "only deletion is allowed, but found new scheduling gate '"+gate.Name+"'"))
		}
	}
	if changed := fixedFieldsChanged(now, before); len(changed) > 0 {
		errs = append(errs, field.Forbidden(specPath, podUpdateRule+"\nchanged: "+strings.Join(changed, ", ")))
	}
	return errs
}

func validateDeadlineUpdate(now, before *int64) field.ErrorList {
	path := specPath.Child("activeDeadlineSeconds")
	switch {
	case now == nil && before == nil:
	case now == nil:
		return field.ErrorList{field.Invalid(path, now, "must not update from a positive integer to nil value")}
	case *now < 0 || *now > math.MaxInt32:
		return field.ErrorList{field.Invalid(path, *now, validation.InclusiveRangeError(0, math.MaxInt32))}
	case before != nil && *before < *now:
		return field.ErrorList{field.Invalid(path, *now, "must be less than or equal to previous value")}
	}
	return nil
}

func validateTolerationsUpdate(now, before []corev1.Toleration) field.ErrorList {
	for _, old := range before {
		kept := slices.ContainsFunc(now, func(t corev1.Toleration) bool {
			t.TolerationSeconds = old.TolerationSeconds
			return t == old
		})
		if !kept {
			return field.ErrorList{field.Forbidden(specPath.Child("tolerations"), "existing toleration can not be modified except its tolerationSeconds")}
		}
	}
	return nil
}

// fixedFieldsChanged names the fields that differ, beside those that may: "spec.hostname", "spec.containers[0].env". Both specs have
// as many containers.
func fixedFieldsChanged(now, before *corev1.PodSpec) []string {
	allowed := now.DeepCopy()
	allowed.ActiveDeadlineSeconds = before.ActiveDeadlineSeconds
	allowed.Tolerations = before.Tolerations
	allowed.SchedulingGates = before.SchedulingGates
	var changed []string
	for _, lists := range []struct {
		path        *field.Path
		now, before []corev1.Container
	}{
		{specPath.Child("initContainers"), allowed.InitContainers, before.InitContainers},
		{specPath.Child("containers"), allowed.Containers, before.Containers},
	} {
		for i := range lists.now {
			lists.now[i].Image = lists.before[i].Image
			changed = append(changed, differences(lists.now[i], lists.before[i], lists.path.Index(i))...)
		}
	}
	allowed.InitContainers, allowed.Containers = before.InitContainers, before.Containers
	return append(changed, differences(*allowed, *before, specPath)...)
}

// differences are the paths of a struct's fields that are not the same in both.
func differences[T any](a, b T, at *field.Path) []string {
	var paths []string
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range va.NumField() {
		if !apiequality.Semantic.DeepEqual(va.Field(i).Interface(), vb.Field(i).Interface()) {
			paths = append(paths, at.Child(jsonName(va.Type().Field(i))).String())
		}
	}
	return paths
}

// validatePodStatusUpdate holds the status to what happened: a container that ended for good does not come back.
func validatePodStatusUpdate(pod, old *corev1.Pod) field.ErrorList {
	status := &pod.Status
	errs := optionalName(status.NominatedNodeName, statusPath.Child("nominatedNodeName"), validation.IsDNS1123Subdomain)
	if old.Status.QOSClass != "" {
		errs = append(errs, apivalidation.ValidateImmutableField(status.QOSClass, old.Status.QOSClass, statusPath.Child("qosClass"))...)
	}
	for i, ip := range status.PodIPs {
		errs = append(errs, validation.IsValidIP(statusPath.Child("podIPs").Index(i).Child("ip"), ip.IP)...)
	}
	for i, ip := range status.HostIPs {
		errs = append(errs, validation.IsValidIP(statusPath.Child("hostIPs").Index(i).Child("ip"), ip.IP)...)
	}
	policy := pod.Spec.RestartPolicy
	errs = append(errs, validateStates(status.ContainerStatuses, old.Status.ContainerStatuses, policy, statusPath.Child("containerStatuses"))...)
	return append(errs, validateStates(status.InitContainerStatuses, old.Status.InitContainerStatuses, policy, statusPath.Child("initContainerStatuses"))...)
}

func validateStates(now, before []corev1.ContainerStatus, policy corev1.RestartPolicy, at *field.Path) field.ErrorList {
	if policy == corev1.RestartPolicyAlways {
		return nil
	}
	var errs field.ErrorList
	for i, old := range before {
		if old.State.Terminated == nil || old.State.Terminated.ExitCode != 0 && policy == corev1.RestartPolicyOnFailure {
			continue
		}
		for _, status := range now {
			if status.Name == old.Name && status.State.Terminated == nil {
				errs = append(errs, field.Forbidden(at.Index(i).Child("state"), "may not be transitioned to non-terminated state"))
			}
		}
	}
	return errs
}
