package api

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

var serviceTypes = []corev1.ServiceType{
	corev1.ServiceTypeClusterIP, corev1.ServiceTypeExternalName, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort,
}

func validateService(s *corev1.Service) field.ErrorList {
	path := field.NewPath("spec")
	errs := oneOf(s.Spec.Type, path.Child("type"), serviceTypes...)
	errs = append(errs, metav1validation.ValidateLabels(s.Spec.Selector, path.Child("selector"))...)
	errs = append(errs, validateServicePorts(&s.Spec, path.Child("ports"))...)
	errs = append(errs, validateServiceAddresses(&s.Spec, path)...)
	errs = append(errs, validateIPFamilies(&s.Spec, path)...)
	errs = append(errs, validateSessionAffinity(&s.Spec, path)...)
	errs = append(errs, validateTrafficPolicies(&s.Spec, path)...)
	errs = append(errs, validateLoadBalancer(&s.Spec, path)...)
	return errs
}

// validateServiceAddresses judges clusterIP, clusterIPs, externalIPs and externalName, of which ExternalName may only have the last.
func validateServiceAddresses(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	errs := validateClusterIPs(spec, path)
	for i, ip := range spec.ExternalIPs {
		errs = append(errs, validateForeignIP(ip, path.Child("externalIPs").Index(i))...)
	}
	if spec.Type != corev1.ServiceTypeExternalName {
		return errs
	}
	whole := strings.TrimSuffix(spec.ExternalName, ".") // the dot says no more than that
	return append(errs, requiredName(whole, path.Child("externalName"), validation.IsDNS1123Subdomain)...)
}

func validateClusterIPs(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	one, all := path.Child("clusterIP"), path.Child("clusterIPs")
	if !hasClusterIP(spec) {
		if spec.ClusterIP != "" {
			errs = append(errs, field.Forbidden(one, "must be empty for ExternalName services"))
		}
		if len(spec.ClusterIPs) > 0 {
			errs = append(errs, field.Forbidden(all, "must be empty for ExternalName services"))
		}
		return errs
	}
	if spec.ClusterIP == corev1.ClusterIPNone && spec.Type != corev1.ServiceTypeClusterIP {
		errs = append(errs, field.Invalid(one, spec.ClusterIP, fmt.Sprintf("may not be set to 'None' for %s services", spec.Type)))
	}
	switch n := len(spec.ClusterIPs); {
	case n == 0 && spec.ClusterIP != "":
		errs = append(errs, field.Required(all, "must be set if `clusterIP` is"))
	case n > 1:
		errs = append(errs, field.Invalid(all, spec.ClusterIPs, "may hold one address: Services have IPv4 addresses only"))
	case n == 1 && spec.ClusterIPs[0] != spec.ClusterIP:
		errs = append(errs, field.Invalid(all, spec.ClusterIPs, "first value must match `clusterIP`"))
	case n == 1 && spec.ClusterIP != corev1.ClusterIPNone:
		if address, err := netip.ParseAddr(spec.ClusterIP); err != nil {
			errs = append(errs, field.Invalid(all.Index(0), spec.ClusterIP, "must be empty, 'None', or a valid IP address"))
		} else if !address.Is4() {
			errs = append(errs, field.Invalid(all.Index(0), spec.ClusterIP, "must be an IPv4 address: Services have no others"))
		}
	}
	return errs
}

// validateIPFamilies refuses whatever needs IPv6. PreferDualStack does not: it takes what there is.
func validateIPFamilies(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	policy, families := path.Child("ipFamilyPolicy"), path.Child("ipFamilies")
	if !hasClusterIP(spec) {
		if spec.IPFamilyPolicy != nil {
			errs = append(errs, field.Forbidden(policy, "may not be set for ExternalName services"))
		}
		if len(spec.IPFamilies) > 0 {
			errs = append(errs, field.Forbidden(families, "may not be set for ExternalName services"))
		}
		return errs
	}
	for i, family := range spec.IPFamilies {
		switch {
		case family == corev1.IPv6Protocol:
			errs = append(errs, field.Forbidden(families.Index(i), "Services have IPv4 addresses only"))
		case family != corev1.IPv4Protocol:
			errs = append(errs, field.NotSupported(families.Index(i), family, []corev1.IPFamily{corev1.IPv4Protocol}))
		case slices.Index(spec.IPFamilies, family) < i:
			errs = append(errs, field.Duplicate(families.Index(i), family))
		}
	}
	switch ptr.Deref(spec.IPFamilyPolicy, corev1.IPFamilyPolicySingleStack) {
	case corev1.IPFamilyPolicySingleStack, corev1.IPFamilyPolicyPreferDualStack:
	case corev1.IPFamilyPolicyRequireDualStack:
		errs = append(errs, field.Forbidden(policy, "Services have IPv4 addresses only"))
	default:
		errs = append(errs, field.NotSupported(policy, *spec.IPFamilyPolicy,
			[]corev1.IPFamilyPolicy{corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicySingleStack}))
	}
	return errs
}

func validateSessionAffinity(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	config := path.Child("sessionAffinityConfig")
	seconds := config.Child("clientIP", "timeoutSeconds")
	switch spec.SessionAffinity {
	case corev1.ServiceAffinityNone:
		if spec.SessionAffinityConfig != nil {
			return field.ErrorList{field.Forbidden(config, "must not be set when session affinity is None")}
		}
	case corev1.ServiceAffinityClientIP:
		if c := spec.SessionAffinityConfig; c == nil || c.ClientIP == nil || c.ClientIP.TimeoutSeconds == nil {
			return field.ErrorList{field.Required(seconds, "when session affinity type is ClientIP")}
		}
		const day = 24 * 60 * 60
		if n := *spec.SessionAffinityConfig.ClientIP.TimeoutSeconds; n <= 0 || n > day {
			return field.ErrorList{field.Invalid(seconds, n, fmt.Sprintf("must be greater than 0 and less than %d", day))}
		}
	default:
		return oneOf(spec.SessionAffinity, path.Child("sessionAffinity"), corev1.ServiceAffinityClientIP, corev1.ServiceAffinityNone)
	}
	return nil
}

// validateServiceUpdate holds the cluster IP, which others have by now resolved and wired up.
func validateServiceUpdate(s, old *corev1.Service) field.ErrorList {
	var errs field.ErrorList
	if hasClusterIP(&s.Spec) && hasClusterIP(&old.Spec) && len(old.Spec.ClusterIPs) > 0 && !slices.Equal(s.Spec.ClusterIPs, old.Spec.ClusterIPs) {
		errs = append(errs, field.Invalid(field.NewPath("spec", "clusterIPs").Index(0), s.Spec.ClusterIPs, "may not change once set"))
	}
	return errs
}

func validateServiceStatusUpdate(s, _ *corev1.Service) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("status", "loadBalancer", "ingress")
	for i, ingress := range s.Status.LoadBalancer.Ingress {
		if s.Spec.Type != corev1.ServiceTypeLoadBalancer {
			return field.ErrorList{field.Forbidden(path, "may only be used when `spec.type` is \"LoadBalancer\"")}
		}
		if ingress.IP != "" {
			errs = append(errs, validation.IsValidIP(path.Index(i).Child("ip"), ingress.IP)...)
		}
		if ingress.Hostname == "" {
			continue
		}
		errs = append(errs, invalid(path.Index(i).Child("hostname"), ingress.Hostname, validation.IsDNS1123Subdomain(ingress.Hostname))...)
		if _, err := netip.ParseAddr(ingress.Hostname); err == nil {
			errs = append(errs, field.Invalid(path.Index(i).Child("hostname"), ingress.Hostname, "must be a DNS name, not an IP address"))
		}
	}
	return errs
}
