package quota

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
)

var services = schema.GroupResource{Resource: "services"}

var serviceNames = []corev1.ResourceName{corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers}

// serviceUsage is of the ports that a Service takes on every node, and of load balancers.
func serviceUsage(obj runtime.Object, _ time.Time) corev1.ResourceList {
	service, ok := obj.(*corev1.Service)
	if !ok {
		return nil
	}
	ports := len(service.Spec.Ports)
	switch service.Spec.Type {
	case corev1.ServiceTypeNodePort:
		return corev1.ResourceList{corev1.ResourceServicesNodePorts: *resource.NewQuantity(int64(ports), resource.DecimalSI)}
	case corev1.ServiceTypeLoadBalancer:
		if !ptr.Deref(service.Spec.AllocateLoadBalancerNodePorts, true) {
			ports = 0
			for _, port := range service.Spec.Ports {
				if port.NodePort != 0 {
					ports++
				}
			}
		}
		return corev1.ResourceList{
			corev1.ResourceServicesNodePorts:     *resource.NewQuantity(int64(ports), resource.DecimalSI),
			corev1.ResourceServicesLoadBalancers: one,
		}
	}
	return nil
}
