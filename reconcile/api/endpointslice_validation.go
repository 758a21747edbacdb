package api

import (
	"fmt"
	"net/netip"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// Bounds of a slice, as upstream sets them: a slice is rewritten whole whenever one endpoint changes.
const (
	maxSliceEndpoints = 1000
	maxSlicePorts     = 20000
	maxSliceAddresses = 100 // of one endpoint
	maxSliceTopology  = 16  // entries of deprecatedTopology
	maxSliceZoneHints = 8
	maxSliceNodeHints = 8
)

func validateEndpointSlice(s *discoveryv1.EndpointSlice) field.ErrorList {
	errs := oneOf(s.AddressType, field.NewPath("addressType"), discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6)
	return append(append(errs, validateSliceEndpoints(s)...), validateSlicePorts(s.Ports)...)
}

func validateSliceEndpoints(s *discoveryv1.EndpointSlice) field.ErrorList {
	path := field.NewPath("endpoints")
	if n := len(s.Endpoints); n > maxSliceEndpoints {
		return field.ErrorList{field.TooMany(path, n, maxSliceEndpoints)}
	}
	var errs field.ErrorList
	for i, endpoint := range s.Endpoints {
		at := path.Index(i)
		errs = append(errs, validateSliceAddresses(endpoint.Addresses, s.AddressType, at.Child("addresses"))...)
		if endpoint.NodeName != nil {
			errs = append(errs, invalid(at.Child("nodeName"), *endpoint.NodeName, validation.IsDNS1123Subdomain(*endpoint.NodeName))...)
		}
		if n := len(endpoint.DeprecatedTopology); n > maxSliceTopology {
			errs = append(errs, field.TooMany(at.Child("deprecatedTopology"), n, maxSliceTopology))
		}
		errs = append(errs, metav1validation.ValidateLabels(endpoint.DeprecatedTopology, at.Child("deprecatedTopology"))...)
		if endpoint.Hostname != nil {
			errs = append(errs, invalid(at.Child("hostname"), *endpoint.Hostname, validation.IsDNS1123Label(*endpoint.Hostname))...)
		}
		if endpoint.Hints != nil {
			errs = append(errs, validateSliceHints(endpoint.Hints, at.Child("hints"))...)
		}
	}
	return errs
}

func validateSliceAddresses(addresses []string, kind discoveryv1.AddressType, path *field.Path) field.ErrorList {
	if len(addresses) == 0 {
		return field.ErrorList{field.Required(path, "must contain at least 1 address")}
	}
	if n := len(addresses); n > maxSliceAddresses {
		return field.ErrorList{field.TooMany(path, n, maxSliceAddresses)}
	}
	var errs field.ErrorList
	for i, address := range addresses {
		at := path.Index(i)
		switch ip, err := netip.ParseAddr(address); kind {
		case discoveryv1.AddressTypeFQDN:
			errs = append(errs, validation.IsFullyQualifiedDomainName(at, address)...)
		case discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6:
			if wanted := kind == discoveryv1.AddressTypeIPv4; err == nil && ip.Is4() != wanted {
				errs = append(errs, field.Invalid(at, address, fmt.Sprintf("must be an %s address", kind)))
			} else {
				errs = append(errs, validateForeignIP(address, at)...)
			}
		}
	}
	return errs
}

// validateSliceHints wants each zone and each node that may use the endpoint once.
func validateSliceHints(hints *discoveryv1.EndpointHints, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	zones, nodes := path.Child("forZones"), path.Child("forNodes")
	if n := len(hints.ForZones); n > maxSliceZoneHints {
		errs = append(errs, field.TooMany(zones, n, maxSliceZoneHints))
	}
	for i, zone := range hints.ForZones[:min(len(hints.ForZones), maxSliceZoneHints)] {
		if slices.Index(hints.ForZones, zone) < i {
			errs = append(errs, field.Duplicate(zones.Index(i).Child("name"), zone.Name))
		}
		errs = append(errs, requiredName(zone.Name, zones.Index(i).Child("name"), validation.IsValidLabelValue)...)
	}
	if n := len(hints.ForNodes); n > maxSliceNodeHints {
		errs = append(errs, field.TooMany(nodes, n, maxSliceNodeHints))
	}
	for i, node := range hints.ForNodes[:min(len(hints.ForNodes), maxSliceNodeHints)] {
		if slices.Index(hints.ForNodes, node) < i {
			errs = append(errs, field.Duplicate(nodes.Index(i).Child("name"), node.Name))
		}
		errs = append(errs, requiredName(node.Name, nodes.Index(i).Child("name"), validation.IsDNS1123Subdomain)...)
	}
	return errs
}

func validateSlicePorts(ports []discoveryv1.EndpointPort) field.ErrorList {
	path := field.NewPath("ports")
	if n := len(ports); n > maxSlicePorts {
		return field.ErrorList{field.TooMany(path, n, maxSlicePorts)}
	}
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, port := range ports {
		at := path.Index(i)
		name := ptr.Deref(port.Name, "")
		if seen[name] {
			errs = append(errs, field.Duplicate(at.Child("name"), name))
		}
		seen[name] = true
		number := ptr.Deref(port.Port, 1) // none is every port
		errs = append(errs, validatePort(name, false, number, ptr.Deref(port.Protocol, ""), port.AppProtocol, at)...)
	}
	return errs
}

func validateEndpointSliceUpdate(s, old *discoveryv1.EndpointSlice) field.ErrorList {
	return apivalidation.ValidateImmutableField(s.AddressType, old.AddressType, field.NewPath("addressType"))
}
