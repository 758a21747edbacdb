package api

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateNode(n *corev1.Node) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateTaints(n.Spec.Taints, spec.Child("taints"))
	errs = append(errs, validatePodCIDRs(n, spec)...)
	//lint:ignore SA1019 refusing it needs its name
	if n.Spec.ConfigSource != nil {
		errs = append(errs, field.Forbidden(spec.Child("configSource"), "configuring a node through the API was removed from Kubernetes"))
	}
	if n.Spec.PodPreemptionPolicy != nil {
		errs = append(errs, field.Forbidden(spec.Child("podPreemptionPolicy"), "Pods are not preempted on a node"))
	}
	return append(errs, validateNodeStatus(n)...)
}

// validateTaints wants each pair of key and effect once.
func validateTaints(taints []corev1.Taint, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	type pair struct {
		key    string
		effect corev1.TaintEffect
	}
	seen := map[pair]bool{}
	for i, taint := range taints {
		at := path.Index(i)
		errs = append(errs, metav1validation.ValidateLabelName(taint.Key, at.Child("key"))...)
		if messages := validation.IsValidLabelValue(taint.Value); len(messages) > 0 {
			errs = append(errs, field.Invalid(at.Child("value"), taint.Value, strings.Join(messages, ";")))
		}
		errs = append(errs, oneOf(taint.Effect, at.Child("effect"), corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)...)
		if seen[pair{taint.Key, taint.Effect}] {
			twice := field.Duplicate(at, taint)
			twice.Detail = "taints must be unique by key and effect pair"
			errs = append(errs, twice)
		}
		seen[pair{taint.Key, taint.Effect}] = true
	}
	return errs
}

func validatePodCIDRs(n *corev1.Node, spec *field.Path) field.ErrorList {
	var errs field.ErrorList
	path := spec.Child("podCIDRs")
	for i, cidr := range n.Spec.PodCIDRs {
		prefix, err := netip.ParsePrefix(cidr)
		switch {
		case err != nil:
			errs = append(errs, field.Invalid(path.Index(i), cidr, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"))
		case !prefix.Addr().Is4():
			errs = append(errs, field.Forbidden(path.Index(i), "Pods have IPv4 addresses only"))
		}
	}
	if len(n.Spec.PodCIDRs) > 1 {
		errs = append(errs, field.Invalid(path, n.Spec.PodCIDRs, "may specify no more than one CIDR for each IP family"))
	}
	if first := append(slices.Clone(n.Spec.PodCIDRs), "")[0]; first != n.Spec.PodCIDR {
		errs = append(errs, field.Invalid(path.Index(0), first, "must match `podCIDR`"))
	}
	return errs
}

// validateNodeStatus judges what a node says of itself: quantities not negative, whole where nothing smaller than one exists.
func validateNodeStatus(n *corev1.Node) field.ErrorList {
	status := field.NewPath("status")
	errs := validateQuantities(n.Status.Capacity, status.Child("capacity"))
	errs = append(errs, validateQuantities(n.Status.Allocatable, status.Child("allocatable"))...)
	seen := map[corev1.NodeAddress]bool{}
	for i, address := range n.Status.Addresses {
		if seen[address] {
			errs = append(errs, field.Duplicate(status.Child("addresses").Index(i), address))
		}
		seen[address] = true
	}
	return errs
}

// validateNodeUpdate lets podCIDR and providerID be set once; schedulability and taints may always change.
func validateNodeUpdate(n, old *corev1.Node) field.ErrorList {
	var errs field.ErrorList
	spec := field.NewPath("spec")
	if len(old.Spec.PodCIDRs) > 0 && !apiequality.Semantic.DeepEqual(n.Spec.PodCIDRs, old.Spec.PodCIDRs) {
		errs = append(errs, field.Forbidden(spec.Child("podCIDRs"), `node updates may not change podCIDR except from "" to valid`))
	}
	if old.Spec.ProviderID != "" && n.Spec.ProviderID != old.Spec.ProviderID {
		errs = append(errs, field.Forbidden(spec.Child("providerID"), `node updates may not change providerID except from "" to valid`))
	}
	if n.Spec.DoNotUseExternalID != old.Spec.DoNotUseExternalID {
		errs = append(errs, field.Forbidden(spec.Child("externalID"), "may not be updated"))
	}
	return errs
}
