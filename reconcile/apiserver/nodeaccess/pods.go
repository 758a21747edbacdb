package nodeaccess

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// AnnotationAdopted is on Pods that a node has made again; see runtime/node.
const AnnotationAdopted = "coracle.dev/uid"

// byNode is the index of Pods by spec.nodeName.
const byNode = "coracle.dev/node-access"

// Pods is a Lookup over the informers that controllers use. What they do not show yet is read from the API before it is
// refused: a node hears of a Pod as soon as they do.
type Pods struct {
	client      kubernetes.Interface
	pods        cache.Indexer
	replicaSets appslisters.ReplicaSetLister
	controllers corelisters.ReplicationControllerLister
}

var _ Lookup = &Pods{}

// NewPods must be called before the informers start.
func NewPods(client kubernetes.Interface, factory informers.SharedInformerFactory) (*Pods, error) {
	informer := factory.Core().V1().Pods().Informer()
	err := informer.AddIndexers(cache.Indexers{byNode: func(obj any) ([]string, error) {
		if pod, ok := obj.(*corev1.Pod); ok && pod.Spec.NodeName != "" {
			return []string{pod.Spec.NodeName}, nil
		}
		return nil, nil
	}})
	if err != nil {
		return nil, fmt.Errorf("index pods by node: %w", err)
	}
	return &Pods{
		client: client, pods: informer.GetIndexer(), replicaSets: factory.Apps().V1().ReplicaSets().Lister(),
		controllers: factory.Core().V1().ReplicationControllers().Lister(),
	}, nil
}

// NewAuthorizer decides on nodes by what the lookup says.
func NewAuthorizer(lookup Lookup) authorizer.Authorizer {
	return authorizer.AuthorizerFunc(func(ctx context.Context, asked authorizer.Attributes) (authorizer.Decision, string, error) {
		return Decide(ctx, asked, lookup)
	})
}

// PodOn implements Lookup.
func (p *Pods) PodOn(ctx context.Context, node, namespace, name string) (bound, exists bool, err error) {
	if known, there, err := p.pods.GetByKey(namespace + "/" + name); err == nil && there && known.(*corev1.Pod).Spec.NodeName == node {
		return true, true, nil
	}
	pod, err := p.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	return pod.Spec.NodeName == node, true, nil
}

// Names implements Lookup.
func (p *Pods) Names(ctx context.Context, node string, object Reference) (bool, error) {
	known, err := p.pods.ByIndex(byNode, node)
	if err != nil {
		return false, err
	}
	for _, obj := range known {
		if p.names(obj.(*corev1.Pod), object) {
			return true, nil
		}
	}
	options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String()}
	current, err := p.client.CoreV1().Pods(object.Namespace).List(ctx, options)
	if err != nil {
		return false, err
	}
	for i := range current.Items {
		if p.namesOn(node, &current.Items[i], object) {
			return true, nil
		}
	}
	return false, nil
}

// PodNames implements Lookup.
func (p *Pods) PodNames(ctx context.Context, node, pod string, object Reference) (bool, error) {
	if known, there, err := p.pods.GetByKey(object.Namespace + "/" + pod); err == nil && there && p.namesOn(node, known.(*corev1.Pod), object) {
		return true, nil
	}
	current, err := p.client.CoreV1().Pods(object.Namespace).Get(ctx, pod, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return p.namesOn(node, current, object), nil
}

func (p *Pods) namesOn(node string, pod *corev1.Pod, object Reference) bool {
	return pod.Spec.NodeName == node && p.names(pod, object)
}

// names is whether the Pod names the object, and not only because its node says so.
func (p *Pods) names(pod *corev1.Pod, object Reference) bool {
	if !refers(pod.Namespace, &pod.Spec, object) {
		return false
	}
	if _, adopted := pod.Annotations[AnnotationAdopted]; !adopted {
		return true
	}
	template := p.template(pod)
	return template != nil && refers(pod.Namespace, completed(template), object)
}

// completed is the template's spec with the service account that a Pod without one gets.
func completed(template *corev1.PodTemplateSpec) *corev1.PodSpec {
	spec := template.Spec
	if spec.ServiceAccountName == "" {
		spec.ServiceAccountName = "default"
	}
	return &spec
}

// template is that of the Pod's controller, nil if it has none.
func (p *Pods) template(pod *corev1.Pod) *corev1.PodTemplateSpec {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return nil
	}
	switch owner.Kind {
	case "ReplicaSet":
		if set, err := p.replicaSets.ReplicaSets(pod.Namespace).Get(owner.Name); err == nil && set.UID == owner.UID {
			return &set.Spec.Template
		}
	case "ReplicationController":
		if set, err := p.controllers.ReplicationControllers(pod.Namespace).Get(owner.Name); err == nil && set.UID == owner.UID {
			return set.Spec.Template
		}
	}
	return nil
}
