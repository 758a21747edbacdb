package api

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateForeignIP wants an address that means the same machine from everywhere: endpoints and external IPs could
// otherwise point at whoever connects, or at the metadata service of a cloud.
func validateForeignIP(ip string, path *field.Path) field.ErrorList {
	if errs := validation.IsValidIPForLegacyField(path, ip, false, nil); len(errs) > 0 {
		return errs
	}
	address, err := netip.ParseAddr(ip)
	if err != nil { // leading zeros, which old clients may still send
		return field.ErrorList{field.Invalid(path, ip, "must not have leading 0s")}
	}
	address = address.Unmap()
	switch {
	case address.IsUnspecified():
		return field.ErrorList{field.Invalid(path, ip, "may not be unspecified (0.0.0.0 or ::)")}
	case address.IsLoopback():
		return field.ErrorList{field.Invalid(path, ip, "may not be in the loopback range (127.0.0.0/8, ::1/128)")}
	case address.IsLinkLocalUnicast():
		return field.ErrorList{field.Invalid(path, ip, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")}
	case address.IsLinkLocalMulticast():
		return field.ErrorList{field.Invalid(path, ip, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")}
	}
	return nil
}

var protocols = []corev1.Protocol{corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP}

func validateProtocol(protocol corev1.Protocol, path *field.Path) field.ErrorList {
	switch {
	case protocol == "":
		return field.ErrorList{field.Required(path, "")}
	case !slices.Contains(protocols, protocol):
		return field.ErrorList{field.NotSupported(path, protocol, protocols)}
	}
	return nil
}

func validatePortNumber(port int32, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, message := range validation.IsValidPortNum(int(port)) {
		errs = append(errs, field.Invalid(path, port, message))
	}
	return errs
}

// validatePortName wants a DNS label, and one at all where ports must be told apart.
func validatePortName(name string, required bool, path *field.Path) field.ErrorList {
	if name == "" {
		if required {
			return field.ErrorList{field.Required(path, "")}
		}
		return nil
	}
	return validateDNSLabel(name, path)
}

func validateDNSLabel(name string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, message := range validation.IsDNS1123Label(name) {
		errs = append(errs, field.Invalid(path, name, message))
	}
	return errs
}

func validateSubdomain(name string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, message := range validation.IsDNS1123Subdomain(name) {
		errs = append(errs, field.Invalid(path, name, message))
	}
	return errs
}

// validateQualified allows nil, and else a name such as "kubernetes.io/h2c".
func validateQualified(name *string, path *field.Path) field.ErrorList {
	if name == nil {
		return nil
	}
	var errs field.ErrorList
	for _, message := range validation.IsQualifiedName(*name) {
		errs = append(errs, field.Invalid(path, *name, message))
	}
	return errs
}
