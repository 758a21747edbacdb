package apiserver

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/kubernetes"
	appsclient "k8s.io/client-go/kubernetes/typed/apps/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
)

// client is a kubernetes.Interface for use in this process. The resources that controllers and nodes write all the
// time go to the registry directly; the rest, and every patch, goes through the HTTP chain.
type client struct {
	kubernetes.Interface
	registries *registries
	admit      admission.MutationInterface
	caller     user.Info
}

func (c *client) CoreV1() coreclient.CoreV1Interface {
	return coreV1{c.Interface.CoreV1(), c}
}

func (c *client) AppsV1() appsclient.AppsV1Interface {
	return appsV1{c.Interface.AppsV1(), c}
}

func (c *client) CoordinationV1() coordinationclient.CoordinationV1Interface {
	return coordinationV1{c.Interface.CoordinationV1(), c}
}

// over is a direct client of one resource.
func over[T, L runtime.Object](c *client, group, resource, namespace string) direct[T, L] {
	registry := c.registries.all[schema.GroupResource{Group: group, Resource: resource}]
	var status rest.Updater
	if registry.kind.PrepareForStatusUpdate != nil {
		status = newStatusREST(registry)
	}
	return direct[T, L]{registry: registry, status: status, namespace: namespace, admit: c.admit, caller: c.caller}
}

type coreV1 struct {
	coreclient.CoreV1Interface
	client *client
}

func (c coreV1) Pods(namespace string) coreclient.PodInterface {
	return pods{over[*corev1.Pod, *corev1.PodList](c.client, "", "pods", namespace), remotePods{c.CoreV1Interface.Pods(namespace)}}
}

func (c coreV1) Nodes() coreclient.NodeInterface {
	return nodesClient{over[*corev1.Node, *corev1.NodeList](c.client, "", "nodes", ""), remoteNodes{c.CoreV1Interface.Nodes()}}
}

func (c coreV1) Events(namespace string) coreclient.EventInterface {
	return events{over[*corev1.Event, *corev1.EventList](c.client, "", "events", namespace), remoteEvents{c.CoreV1Interface.Events(namespace)}}
}

func (c coreV1) ReplicationControllers(namespace string) coreclient.ReplicationControllerInterface {
	return replicationControllers{over[*corev1.ReplicationController, *corev1.ReplicationControllerList](c.client, "", "replicationcontrollers", namespace),
		remoteReplicationControllers{c.CoreV1Interface.ReplicationControllers(namespace)}}
}

func (c coreV1) ResourceQuotas(namespace string) coreclient.ResourceQuotaInterface {
	return resourceQuotas{over[*corev1.ResourceQuota, *corev1.ResourceQuotaList](c.client, "", "resourcequotas", namespace),
		remoteResourceQuotas{c.CoreV1Interface.ResourceQuotas(namespace)}}
}

type appsV1 struct {
	appsclient.AppsV1Interface
	client *client
}

func (a appsV1) Deployments(namespace string) appsclient.DeploymentInterface {
	return deployments{over[*appsv1.Deployment, *appsv1.DeploymentList](a.client, "apps", "deployments", namespace), remoteDeployments{a.AppsV1Interface.Deployments(namespace)}}
}

func (a appsV1) ReplicaSets(namespace string) appsclient.ReplicaSetInterface {
	return replicaSets{over[*appsv1.ReplicaSet, *appsv1.ReplicaSetList](a.client, "apps", "replicasets", namespace), remoteReplicaSets{a.AppsV1Interface.ReplicaSets(namespace)}}
}

type coordinationV1 struct {
	coordinationclient.CoordinationV1Interface
	client *client
}

func (c coordinationV1) Leases(namespace string) coordinationclient.LeaseInterface {
	return leases{over[*coordinationv1.Lease, *coordinationv1.LeaseList](c.client, "coordination.k8s.io", "leases", namespace), remoteLeases{c.CoordinationV1Interface.Leases(namespace)}}
}

// In each pair below the direct client stands one level higher than the remote one, so that Go takes its methods where
// both have them, and the remote's for the rest.
type (
	remotePods struct{ coreclient.PodInterface }
	pods       struct {
		direct[*corev1.Pod, *corev1.PodList]
		remotePods
	}
	remoteNodes struct{ coreclient.NodeInterface }
	nodesClient struct {
		direct[*corev1.Node, *corev1.NodeList]
		remoteNodes
	}
	remoteEvents struct{ coreclient.EventInterface }
	events       struct {
		direct[*corev1.Event, *corev1.EventList]
		remoteEvents
	}
	remoteReplicationControllers struct {
		coreclient.ReplicationControllerInterface
	}
	replicationControllers struct {
		direct[*corev1.ReplicationController, *corev1.ReplicationControllerList]
		remoteReplicationControllers
	}
	remoteResourceQuotas struct {
		coreclient.ResourceQuotaInterface
	}
	resourceQuotas struct {
		direct[*corev1.ResourceQuota, *corev1.ResourceQuotaList]
		remoteResourceQuotas
	}
	remoteDeployments struct{ appsclient.DeploymentInterface }
	deployments       struct {
		direct[*appsv1.Deployment, *appsv1.DeploymentList]
		remoteDeployments
	}
	remoteReplicaSets struct{ appsclient.ReplicaSetInterface }
	replicaSets       struct {
		direct[*appsv1.ReplicaSet, *appsv1.ReplicaSetList]
		remoteReplicaSets
	}
	remoteLeases struct {
		coordinationclient.LeaseInterface
	}
	leases struct {
		direct[*coordinationv1.Lease, *coordinationv1.LeaseList]
		remoteLeases
	}
)

// Bind writes the Pod's node without the HTTP chain.
func (p pods) Bind(ctx context.Context, binding *corev1.Binding, options metav1.CreateOptions) error {
	_, err := newBindingREST(p.registry).Create(p.context(ctx), binding.Name, binding, rest.ValidateAllObjectFunc, &options)
	return err
}

// CreateWithEventNamespace is what event recorders call.
func (e events) CreateWithEventNamespace(event *corev1.Event) (*corev1.Event, error) {
	e.namespace = event.Namespace
	return e.Create(context.Background(), event, metav1.CreateOptions{})
}
