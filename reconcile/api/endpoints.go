//lint:file-ignore SA1019 Endpoints are deprecated, but old clients still ask for them.

package api

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var endpoints = Of[*corev1.Endpoints]{
	Version: "v1", Kind: "Endpoints", Resource: "endpoints", Singular: "endpoints",
	ShortNames: []string{"ep"}, Namespaced: true,
	New:                 func() *corev1.Endpoints { return &corev1.Endpoints{} },
	NewList:             func() runtime.Object { return &corev1.EndpointsList{} },
	Default:             defaultEndpoints,
	Validate:            validateEndpoints,
	ValidateUpdate:      validateEndpointsUpdate,
	AllowCreateOnUpdate: true,
	Columns: []metav1.TableColumnDefinition{
		nameColumn, column("Endpoints", "string", "Addresses and ports that are ready."), ageColumn,
	},
	Row: func(e *corev1.Endpoints, now time.Time) []any {
		return []any{e.Name, readyEndpoints(e), age(e.CreationTimestamp, now)}
	},
}

func defaultEndpoints(e *corev1.Endpoints) {
	for _, subset := range e.Subsets {
		for i := range subset.Ports {
			if subset.Ports[i].Protocol == "" {
				subset.Ports[i].Protocol = corev1.ProtocolTCP
			}
		}
	}
}

// readyEndpoints is "10.1.0.2:80,10.1.0.3:80", and how many more than three there are. It is empty while none is ready.
func readyEndpoints(e *corev1.Endpoints) string {
	if len(e.Subsets) == 0 {
		return none
	}
	var all []string
	for _, subset := range e.Subsets {
		if len(subset.Ports) == 0 {
			for _, address := range subset.Addresses {
				all = append(all, address.IP)
			}
		}
		for _, port := range subset.Ports {
			for _, address := range subset.Addresses {
				all = append(all, net.JoinHostPort(address.IP, strconv.Itoa(int(port.Port))))
			}
		}
	}
	return firstThree(all)
}

// firstThree keeps a table cell short.
func firstThree(all []string) string {
	if len(all) <= 3 {
		return strings.Join(all, ",")
	}
	return fmt.Sprintf("%s + %d more...", strings.Join(all[:3], ","), len(all)-3)
}

func validateEndpoints(e *corev1.Endpoints) field.ErrorList {
	var errs field.ErrorList
	for i, subset := range e.Subsets {
		at := field.NewPath("subsets").Index(i)
		if len(subset.Addresses) == 0 && len(subset.NotReadyAddresses) == 0 {
			errs = append(errs, field.Required(at, "must specify `addresses` or `notReadyAddresses`"))
		}
		for j, address := range subset.Addresses {
			errs = append(errs, validateEndpointAddress(address, at.Child("addresses").Index(j))...)
		}
		for j, address := range subset.NotReadyAddresses {
			errs = append(errs, validateEndpointAddress(address, at.Child("notReadyAddresses").Index(j))...)
		}
		for j, port := range subset.Ports {
			at := at.Child("ports").Index(j)
			errs = append(errs, validatePort(port.Name, len(subset.Ports) > 1, port.Port, port.Protocol, port.AppProtocol, at)...)
		}
	}
	return errs
}

func validateEndpointAddress(address corev1.EndpointAddress, at *field.Path) field.ErrorList {
	errs := validateForeignIP(address.IP, at.Child("ip"))
	errs = append(errs, optionalName(address.Hostname, at.Child("hostname"), validation.IsDNS1123Label)...)
	if address.NodeName != nil {
		errs = append(errs, invalid(at.Child("nodeName"), *address.NodeName, validation.IsDNS1123Subdomain(*address.NodeName))...)
	}
	return errs
}

// validateEndpointsUpdate: an address that stays is still that of the same Pod, so it cannot move to another node.
func validateEndpointsUpdate(e, old *corev1.Endpoints) field.ErrorList {
	nodes := map[string]string{}
	for _, subset := range old.Subsets {
		for _, address := range subset.Addresses {
			if address.NodeName != nil {
				nodes[address.IP] = *address.NodeName
			}
		}
	}
	var errs field.ErrorList
	for i, subset := range e.Subsets {
		for j, address := range subset.Addresses {
			was, known := nodes[address.IP]
			if known && address.NodeName != nil && *address.NodeName != was {
				errs = append(errs, field.Forbidden(field.NewPath("subsets").Index(i).Child("addresses").Index(j).Child("nodeName"),
					fmt.Sprintf("Cannot change NodeName for %s to %s", address.IP, *address.NodeName)))
			}
		}
	}
	return errs
}
