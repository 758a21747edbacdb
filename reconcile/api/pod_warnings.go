package api

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podSpecWarnings are what is ignored in a Pod's spec, and what is surely not what the user meant.
func podSpecWarnings(spec *corev1.PodSpec, at *field.Path) []string {
	warnings := ignoredFields(spec, at)
	for i, secret := range spec.ImagePullSecrets {
		if secret.Name == "" {
			warnings = append(warnings, fmt.Sprintf("%s: invalid empty name %q", at.Child("imagePullSecrets").Index(i).Child("name"), ""))
		}
	}
	for _, list := range containerLists(spec, at) {
		for i := range list.containers {
			warnings = append(warnings, containerWarnings(&list.containers[i], list.path.Index(i))...)
		}
	}
	return warnings
}

func containerWarnings(c *corev1.Container, at *field.Path) []string {
	var warnings []string
	for _, list := range []struct {
		name   string
		amount corev1.ResourceList
	}{{"limits", c.Resources.Limits}, {"requests", c.Resources.Requests}} {
		here := at.Child("resources", list.name)
		if memory, set := list.amount[corev1.ResourceMemory]; set && memory.MilliValue()%1000 != 0 {
			warnings = append(warnings, fmt.Sprintf("%s: fractional byte value %q is invalid, must be an integer", here.Key("memory"), memory.String()))
		}
		if _, set := list.amount[corev1.ResourceEphemeralStorage]; set && list.name == "limits" {
			warnings = append(warnings, fmt.Sprintf("%s: what a container writes is not limited", here.Key("ephemeral-storage")))
		}
	}
	for i, v := range c.Env {
		first := slices.IndexFunc(c.Env, func(other corev1.EnvVar) bool { return other.Name == v.Name })
		if first < i {
			warnings = append(warnings, fmt.Sprintf("%s: hides previous definition of %q, which may be dropped when using apply", at.Child("env").Index(i), v.Name))
		}
	}
	for i, port := range c.Ports {
		first := slices.IndexFunc(c.Ports, func(other corev1.ContainerPort) bool {
			return other.ContainerPort == port.ContainerPort && other.Protocol == port.Protocol && other.HostPort == port.HostPort && other.HostIP == port.HostIP
		})
		if first < i {
			warnings = append(warnings, fmt.Sprintf("%s: duplicate port definition with %s", at.Child("ports").Index(i), at.Child("ports").Index(first)))
		}
	}
	return warnings
}
