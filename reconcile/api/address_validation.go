package api

import (
	"net/netip"

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

// validatePort judges what the ports of Services and of endpoints have in common. They need names where they must be told apart.
func validatePort(name string, named bool, number int32, protocol corev1.Protocol, application *string, at *field.Path) field.ErrorList {
	judgeName := optionalName
	if named {
		judgeName = requiredName
	}
	errs := judgeName(name, at.Child("name"), validation.IsDNS1123Label)
	errs = append(errs, portNumber(number, at.Child("port"))...)
	errs = append(errs, oneOf(protocol, at.Child("protocol"), corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
	if application != nil {
		errs = append(errs, invalid(at.Child("appProtocol"), *application, validation.IsQualifiedName(*application))...)
	}
	return errs
}
