package api

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

func validateVolumes(volumes []corev1.Volume, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[string]()
	for i := range volumes {
		v, here := &volumes[i], at.Index(i)
		errs = append(errs, requiredName(v.Name, here.Child("name"), validation.IsDNS1123Label)...)
		if v.Name != "" && names.Has(v.Name) {
			errs = append(errs, field.Duplicate(here.Child("name"), v.Name))
		}
		names.Insert(v.Name)
		errs = append(errs, validateVolumeSource(v, here)...)
	}
	return errs
}

// validateVolumeSource judges the sources that the node carries out; the others are refused, each for its reason.
func validateVolumeSource(v *corev1.Volume, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	sources := 0
	add := func(name string, more field.ErrorList) {
		sources++
		if sources > 1 {
			errs = append(errs, field.Forbidden(at.Child(name), "may not specify more than 1 volume type"))
			return
		}
		errs = append(errs, more...)
	}
	if v.EmptyDir != nil {
		add("emptyDir", validateEmptyDir(v.EmptyDir, at.Child("emptyDir")))
	}
	if v.HostPath != nil {
		add("hostPath", validateHostPath(v.HostPath, at.Child("hostPath")))
	}
	if s := v.ConfigMap; s != nil {
		add("configMap", validateKeyed("name", s.Name, s.DefaultMode, s.Items, at.Child("configMap")))
	}
	if s := v.Secret; s != nil {
		add("secret", validateKeyed("secretName", s.SecretName, s.DefaultMode, s.Items, at.Child("secret")))
	}
	if s := v.DownwardAPI; s != nil {
		wrong := validateMode(s.DefaultMode, at.Child("downwardAPI", "defaultMode"))
		add("downwardAPI", append(wrong, validateDownwardItems(s.Items, at.Child("downwardAPI", "items"))...))
	}
	if v.Projected != nil {
		add("projected", validateProjected(v.Projected, at.Child("projected")))
	}
	if ptr.AllPtrFieldsNil(&v.VolumeSource) {
		errs = append(errs, field.Required(at, "must specify a volume type"))
	}
	return errs
}

// validateKeyed judges a ConfigMap or Secret as a volume; nameField is where its name is.
func validateKeyed(nameField, name string, mode *int32, items []corev1.KeyToPath, at *field.Path) field.ErrorList {
	errs := requiredName(name, at.Child(nameField), validation.IsDNS1123Subdomain)
	errs = append(errs, validateMode(mode, at.Child("defaultMode"))...)
	return append(errs, validateItems(items, at.Child("items"))...)
}

func validateEmptyDir(source *corev1.EmptyDirVolumeSource, at *field.Path) field.ErrorList {
	if source.SizeLimit != nil && source.SizeLimit.Sign() < 0 {
		return field.ErrorList{field.Forbidden(at.Child("sizeLimit"), "SizeLimit field must be a valid resource quantity")}
	}
	return nil
}

func validateHostPath(source *corev1.HostPathVolumeSource, at *field.Path) field.ErrorList {
	if source.Path == "" {
		return field.ErrorList{field.Required(at.Child("path"), "")}
	}
	errs := noBackSteps(source.Path, at.Child("path"))
	if source.Type != nil && *source.Type != corev1.HostPathUnset {
		errs = append(errs, oneOf(*source.Type, at.Child("type"), corev1.HostPathDirectoryOrCreate, corev1.HostPathDirectory,
			corev1.HostPathFileOrCreate, corev1.HostPathFile, corev1.HostPathSocket, corev1.HostPathCharDev, corev1.HostPathBlockDev)...)
	}
	return errs
}

// validateProjected also finds two files of one path.
func validateProjected(projected *corev1.ProjectedVolumeSource, at *field.Path) field.ErrorList {
	errs := validateMode(projected.DefaultMode, at.Child("defaultMode"))
	if len(projected.Sources) == 0 {
		errs = append(errs, field.Required(at.Child("sources"), "must specify at least one source"))
	}
	taken := sets.New[string]()
	take := func(path string, at *field.Path) {
		if path != "" && taken.Has(path) {
			errs = append(errs, field.Invalid(at, path, "conflicting duplicate paths"))
		}
		taken.Insert(path)
	}
	for i := range projected.Sources {
		source, here := &projected.Sources[i], at.Child("sources").Index(i)
		sources := 0
		keyed := func(name, object string, items []corev1.KeyToPath) {
			sources++
			errs = append(errs, requiredName(object, here.Child(name, "name"), validation.IsDNS1123Subdomain)...)
			errs = append(errs, validateItems(items, here.Child(name, "items"))...)
			for j, item := range items {
				take(item.Path, here.Child(name, "items").Index(j).Child("path"))
			}
		}
		if source.ConfigMap != nil {
			keyed("configMap", source.ConfigMap.Name, source.ConfigMap.Items)
		}
		if source.Secret != nil {
			keyed("secret", source.Secret.Name, source.Secret.Items)
		}
		if source.DownwardAPI != nil {
			sources++
			items := here.Child("downwardAPI", "items")
			errs = append(errs, validateDownwardItems(source.DownwardAPI.Items, items)...)
			for j, item := range source.DownwardAPI.Items {
				take(item.Path, items.Index(j).Child("path"))
			}
		}
		if source.ServiceAccountToken != nil {
			sources++
			errs = append(errs, validateTokenProjection(source.ServiceAccountToken, here.Child("serviceAccountToken"))...)
		}
		switch {
		case sources > 1:
			errs = append(errs, field.Forbidden(here, "may not specify more than 1 volume type"))
		case ptr.AllPtrFieldsNil(source):
			errs = append(errs, field.Required(here, "must specify a volume type"))
		}
	}
	return errs
}

// validateTokenProjection leaves the path free to be that of an earlier part, as upstream does: the later one holds.
func validateTokenProjection(projection *corev1.ServiceAccountTokenProjection, at *field.Path) field.ErrorList {
	errs := filePath(projection.Path, at.Child("path"))
	return append(errs, ValidateTokenSeconds(ptr.Deref(projection.ExpirationSeconds, DefaultTokenSeconds), at.Child("expirationSeconds"))...)
}

func validateItems(items []corev1.KeyToPath, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, item := range items {
		if item.Key == "" {
			errs = append(errs, field.Required(at.Index(i).Child("key"), ""))
		}
		errs = append(errs, filePath(item.Path, at.Index(i).Child("path"))...)
		errs = append(errs, validateMode(item.Mode, at.Index(i).Child("mode"))...)
	}
	return errs
}

func validateDownwardItems(items []corev1.DownwardAPIVolumeFile, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, item := range items {
		here := at.Index(i)
		errs = append(errs, filePath(item.Path, here.Child("path"))...)
		errs = append(errs, validateMode(item.Mode, here.Child("mode"))...)
		if item.FieldRef != nil {
			errs = append(errs, validateFieldRef(item.FieldRef, fileFieldPaths, here.Child("fieldRef"))...)
		}
		if item.ResourceFieldRef != nil {
			errs = append(errs, validateResourceFieldRef(item.ResourceFieldRef, true, here.Child("resourceFieldRef"))...)
		}
		switch {
		case item.FieldRef == nil && item.ResourceFieldRef == nil:
			errs = append(errs, field.Required(here, "one of fieldRef and resourceFieldRef is required"))
		case item.FieldRef != nil && item.ResourceFieldRef != nil:
			errs = append(errs, field.Invalid(here, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
		}
	}
	return errs
}

// filePath judges where in a volume a file goes. Names that begin with two dots are the node's own.
func filePath(value string, at *field.Path) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	errs := pathInside(value, at)
	if len(errs) == 0 && strings.HasPrefix(value, "..") {
		errs = append(errs, field.Invalid(at, value, "must not start with '..'"))
	}
	return errs
}

// validateMode judges the permissions of a file.
func validateMode(mode *int32, at *field.Path) field.ErrorList {
	if mode != nil && (*mode < 0 || *mode > 0o777) {
		return field.ErrorList{field.Invalid(at, *mode, "must be a number between 0 and 0777 (octal), both inclusive")}
	}
	return nil
}
