package api

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Resources come in three ranks: what a container may ask for, what a LimitRange can bound besides, and what a ResourceQuota
// can count besides. Names with a slash are qualified, hence anybody's.
var (
	containerResources = sets.New(corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage)
	storageResources   = sets.New(corev1.ResourceStorage, corev1.ResourceRequestsStorage)
	countedResources   = sets.New(corev1.ResourcePods, corev1.ResourceQuotas, corev1.ResourceServices,
		corev1.ResourceReplicationControllers, corev1.ResourceSecrets, corev1.ResourceConfigMaps,
		corev1.ResourcePersistentVolumeClaims, corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers)
	quotaResources = containerResources.Union(countedResources).Insert(corev1.ResourceRequestsStorage,
		corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceRequestsEphemeralStorage,
		corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory, corev1.ResourceLimitsEphemeralStorage)
)

// validateResource says whether the name is one of known, a size of huge pages, or qualified.
func validateResource(name corev1.ResourceName, known sets.Set[corev1.ResourceName], unknown string, path *field.Path) field.ErrorList {
	errs := invalid(path, string(name), validation.IsQualifiedName(string(name)))
	if errs != nil || strings.Contains(string(name), "/") || known.Has(name) || isHugePages(name) {
		return errs
	}
	return field.ErrorList{field.Invalid(path, name, unknown)}
}

// isHugePages knows hugepages-2Mi and, for a quota, requests.hugepages-2Mi.
func isHugePages(name corev1.ResourceName) bool {
	return strings.HasPrefix(strings.TrimPrefix(string(name), corev1.DefaultResourceRequestsPrefix), corev1.ResourceHugePagesPrefix)
}

// isWhole says that nothing less than one of the resource exists: objects that are counted, and what others than
// Kubernetes name, such as example.com/gpu.
func isWhole(name corev1.ResourceName) bool {
	return countedResources.Has(name) ||
		strings.Contains(string(name), "/") && !strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

// validateQuantities wants no negative amounts, and no parts of what is whole.
func validateQuantities(list corev1.ResourceList, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range sortedKeys(list) {
		quantity := list[name]
		if quantity.Cmp(resource.Quantity{}) < 0 {
			errs = append(errs, field.Invalid(path.Key(string(name)), quantity.String(), "must be greater than or equal to 0"))
		}
		if isWhole(name) && quantity.MilliValue()%1000 != 0 {
			errs = append(errs, field.Invalid(path.Key(string(name)), quantity.String(), "must be an integer"))
		}
	}
	return errs
}
