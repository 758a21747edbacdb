package api

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

var endpointSlice = Of[*discoveryv1.EndpointSlice]{
	Group: discoveryv1.GroupName, Version: "v1", Kind: "EndpointSlice",
	Resource: "endpointslices", Singular: "endpointslice", Namespaced: true,
	New:              func() *discoveryv1.EndpointSlice { return &discoveryv1.EndpointSlice{} },
	NewList:          func() runtime.Object { return &discoveryv1.EndpointSliceList{} },
	Default:          defaultEndpointSlice,
	PrepareForCreate: func(s *discoveryv1.EndpointSlice) { s.Generation = 1 },
	PrepareForUpdate: prepareEndpointSliceForUpdate,
	Validate:         validateEndpointSlice,
	ValidateUpdate:   validateEndpointSliceUpdate,
	Columns: []metav1.TableColumnDefinition{
		nameColumn,
		column("AddressType", "string", "Kind of the addresses in this slice."),
		column("Ports", "string", "Ports that each endpoint has."),
		column("Endpoints", "string", "Addresses of the endpoints."),
		ageColumn,
	},
	Row: endpointSliceRow,
}

func defaultEndpointSlice(s *discoveryv1.EndpointSlice) {
	for i := range s.Ports {
		port := &s.Ports[i]
		if port.Name == nil {
			port.Name = ptr.To("")
		}
		if port.Protocol == nil {
			port.Protocol = ptr.To(corev1.ProtocolTCP)
		}
	}
}

// prepareEndpointSliceForUpdate counts changes of the labels as well: by them a slice belongs to its Service.
func prepareEndpointSliceForUpdate(s, old *discoveryv1.EndpointSlice) {
	s.Generation = old.Generation
	same := apiequality.Semantic.DeepEqual
	if !same(s.Labels, old.Labels) || s.AddressType != old.AddressType || !same(s.Endpoints, old.Endpoints) || !same(s.Ports, old.Ports) {
		s.Generation++
	}
}

func endpointSliceRow(s *discoveryv1.EndpointSlice, now time.Time) []any {
	var ports, addresses []string
	for _, port := range s.Ports {
		switch {
		case port.Port != nil:
			ports = append(ports, strconv.Itoa(int(*port.Port)))
		case port.Name != nil:
			ports = append(ports, *port.Name)
		default:
			ports = append(ports, "*")
		}
	}
	for _, endpoint := range s.Endpoints {
		addresses = append(addresses, endpoint.Addresses...)
	}
	return []any{s.Name, string(s.AddressType), orUnset(firstThree(ports)), orUnset(firstThree(addresses)), age(s.CreationTimestamp, now)}
}

func orUnset(text string) string {
	if text == "" {
		return "<unset>"
	}
	return text
}
