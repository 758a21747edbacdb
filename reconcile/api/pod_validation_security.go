package api

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validatePodSecurity(security *corev1.PodSecurityContext, at *field.Path) field.ErrorList {
	if security == nil {
		return nil
	}
	errs := validateID(security.RunAsUser, at.Child("runAsUser"), validation.IsValidUserID)
	errs = append(errs, validateID(security.RunAsGroup, at.Child("runAsGroup"), validation.IsValidGroupID)...)
	errs = append(errs, validateID(security.FSGroup, at.Child("fsGroup"), validation.IsValidGroupID)...)
	for i := range security.SupplementalGroups {
		errs = append(errs, validateID(&security.SupplementalGroups[i], at.Child("supplementalGroups").Index(i), validation.IsValidGroupID)...)
	}
	if policy := security.FSGroupChangePolicy; policy != nil {
		errs = append(errs, oneOf(*policy, at.Child("fsGroupChangePolicy"), corev1.FSGroupChangeAlways, corev1.FSGroupChangeOnRootMismatch)...)
	}
	return append(errs, validateSeccomp(security.SeccompProfile, at.Child("seccompProfile"))...)
}

func validateSecurity(security *corev1.SecurityContext, at *field.Path) field.ErrorList {
	if security == nil {
		return nil
	}
	errs := validateID(security.RunAsUser, at.Child("runAsUser"), validation.IsValidUserID)
	errs = append(errs, validateID(security.RunAsGroup, at.Child("runAsGroup"), validation.IsValidGroupID)...)
	errs = append(errs, validateSeccomp(security.SeccompProfile, at.Child("seccompProfile"))...)
	if security.AllowPrivilegeEscalation == nil || *security.AllowPrivilegeEscalation {
		return errs
	}
	if security.Privileged != nil && *security.Privileged {
		errs = append(errs, field.Invalid(at, security, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
	}
	if c := security.Capabilities; c != nil && slices.Contains(c.Add, "CAP_SYS_ADMIN") {
		errs = append(errs, field.Invalid(at, security, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
	}
	return errs
}

func validateID(id *int64, at *field.Path, judge func(int64) []string) field.ErrorList {
	var errs field.ErrorList
	if id != nil {
		for _, message := range judge(*id) {
			errs = append(errs, field.Invalid(at, *id, message))
		}
	}
	return errs
}

func validateSeccomp(profile *corev1.SeccompProfile, at *field.Path) field.ErrorList {
	if profile == nil {
		return nil
	}
	if profile.Type == "" {
		return field.ErrorList{field.Required(at.Child("type"), "type is required when seccompProfile is set")}
	}
	return nil // types other than RuntimeDefault are refused, known or not
}
