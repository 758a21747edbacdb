package api

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateEnv(env []corev1.EnvVar, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, v := range env {
		here := at.Index(i)
		errs = append(errs, requiredName(v.Name, here.Child("name"), validation.IsRelaxedEnvVarName)...)
		if v.ValueFrom != nil {
			errs = append(errs, validateEnvSource(v, here.Child("valueFrom"))...)
		}
	}
	return errs
}

func validateEnvSource(v corev1.EnvVar, at *field.Path) field.ErrorList {
	from := v.ValueFrom
	sources := 0
	var errs field.ErrorList
	if ref := from.FieldRef; ref != nil {
		sources++
		errs = append(errs, validateFieldRef(ref, envFieldPaths, at.Child("fieldRef"))...)
	}
	if ref := from.ResourceFieldRef; ref != nil {
		sources++
		errs = append(errs, validateResourceFieldRef(ref, false, at.Child("resourceFieldRef"))...)
	}
	if ref := from.ConfigMapKeyRef; ref != nil {
		sources++
		errs = append(errs, requiredName(ref.Name, at.Child("configMapKeyRef", "name"), validation.IsDNS1123Subdomain)...)
		errs = append(errs, requiredName(ref.Key, at.Child("configMapKeyRef", "key"), validation.IsConfigMapKey)...)
	}
	if ref := from.SecretKeyRef; ref != nil {
		sources++
		errs = append(errs, requiredName(ref.Name, at.Child("secretKeyRef", "name"), validation.IsDNS1123Subdomain)...)
		errs = append(errs, requiredName(ref.Key, at.Child("secretKeyRef", "key"), validation.IsConfigMapKey)...)
	}
	switch {
	case from.FileKeyRef != nil: // refused for itself
	case sources == 0:
		errs = append(errs, field.Invalid(at, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"))
	case v.Value != "":
		errs = append(errs, field.Invalid(at, "", "may not be specified when `value` is not empty"))
	case sources > 1:
		errs = append(errs, field.Invalid(at, "", "may not have more than one field specified at a time"))
	}
	return errs
}

func validateEnvFrom(from []corev1.EnvFromSource, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, source := range from {
		here := at.Index(i)
		errs = append(errs, optionalName(source.Prefix, here.Child("prefix"), validation.IsRelaxedEnvVarName)...)
		if ref := source.ConfigMapRef; ref != nil {
			errs = append(errs, requiredName(ref.Name, here.Child("configMapRef", "name"), validation.IsDNS1123Subdomain)...)
		}
		if ref := source.SecretRef; ref != nil {
			errs = append(errs, requiredName(ref.Name, here.Child("secretRef", "name"), validation.IsDNS1123Subdomain)...)
		}
		switch {
		case source.ConfigMapRef == nil && source.SecretRef == nil:
			errs = append(errs, field.Invalid(here, "", "must specify one of: `configMapRef` or `secretRef`"))
		case source.ConfigMapRef != nil && source.SecretRef != nil:
			errs = append(errs, field.Invalid(here, "", "may not have more than one field specified at a time"))
		}
	}
	return errs
}

// What the downward API gives, as environment variables and as files.
var (
	envFieldPaths = []string{
		"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
	}
	fileFieldPaths = []string{
		"metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.annotations",
	}
	resourceFields = []string{
		"limits.cpu", "limits.memory", "limits.ephemeral-storage",
		"requests.cpu", "requests.memory", "requests.ephemeral-storage",
	}
)

func validateFieldRef(ref *corev1.ObjectFieldSelector, paths []string, at *field.Path) field.ErrorList {
	at = at.Child("fieldPath")
	if ref.FieldPath == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	name, key, subscripted := cutSubscript(ref.FieldPath)
	switch {
	case !subscripted && slices.Contains(paths, ref.FieldPath):
		return nil
	case !subscripted:
		return field.ErrorList{field.NotSupported(at, ref.FieldPath, paths)}
	case name == "metadata.labels":
		return invalid(at, ref.FieldPath, validation.IsQualifiedName(key))
	case name == "metadata.annotations":
		return invalid(at, ref.FieldPath, validation.IsQualifiedName(strings.ToLower(key)))
	default:
		return field.ErrorList{field.Invalid(at, ref.FieldPath, "does not support subscript")}
	}
}

// cutSubscript takes metadata.labels['tier'] apart.
func cutSubscript(path string) (name, key string, subscripted bool) {
	name, rest, found := strings.Cut(path, "['")
	key, end := strings.CutSuffix(rest, "']")
	if !found || !end {
		return path, "", false
	}
	return name, key, true
}

func invalid(at *field.Path, value string, messages []string) field.ErrorList {
	var errs field.ErrorList
	for _, message := range messages {
		errs = append(errs, field.Invalid(at, value, message))
	}
	return errs
}

// validateResourceFieldRef judges a reference to a container's requests or limits. A volume is no container's own,
// so there the container must be named.
func validateResourceFieldRef(ref *corev1.ResourceFieldSelector, inVolume bool, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if inVolume && ref.ContainerName == "" {
		errs = append(errs, field.Required(at.Child("containerName"), ""))
	}
	switch {
	case ref.Resource == "":
		return append(errs, field.Required(at.Child("resource"), ""))
	case !slices.Contains(resourceFields, ref.Resource):
		return append(errs, field.NotSupported(at.Child("resource"), ref.Resource, resourceFields))
	case ref.Divisor.IsZero():
		return errs
	}
	_, resource, _ := strings.Cut(ref.Resource, ".")
	divisors := []string{"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"}
	if resource == "cpu" {
		divisors = []string{"1m", "1"}
	}
	if !slices.Contains(divisors, ref.Divisor.String()) {
		errs = append(errs, field.Invalid(at.Child("divisor"), ref.Divisor.String(),
			fmt.Sprintf("only divisor's values %s are supported with the %s resource", strings.Join(divisors, ", "), resource)))
	}
	return errs
}
