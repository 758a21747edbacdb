package nodeaccess

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
)

// Restriction is the admission plugin that holds nodes to Restrict.
type Restriction struct{ lookup Lookup }

var _ admission.ValidationInterface = Restriction{}

// NewRestriction makes it.
func NewRestriction(lookup Lookup) Restriction { return Restriction{lookup} }

// Handles implements admission.Interface. Deletions are the authorizer's to judge: it sees the name.
func (Restriction) Handles(operation admission.Operation) bool {
	return operation == admission.Create || operation == admission.Update
}

// Validate implements admission.ValidationInterface: it sees the object as it will be stored.
func (r Restriction) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !isNode(a.GetUserInfo()) {
		return nil
	}
	node := NodeName(a.GetUserInfo())
	if node == "" {
		return admission.NewForbidden(a, fmt.Errorf("could not determine node from user %q", a.GetUserInfo().GetName()))
	}
	if why := Restrict(node, a.GetObject(), a.GetOldObject(), a.GetSubresource()); why != "" {
		return admission.NewForbidden(a, fmt.Errorf("node %q %s", node, why))
	}
	if token, ok := a.GetObject().(*authenticationv1.TokenRequest); ok {
		return r.validateToken(ctx, a, node, token)
	}
	return nil
}

// Restrict says what is wrong with what a node writes, in words that follow its name; "" if nothing is. old is nil when it is
// created.
func Restrict(node string, obj, old runtime.Object, subresource string) string {
	switch written := obj.(type) {
	case *corev1.Node:
		before, _ := old.(*corev1.Node)
		return restrictNode(node, written, before)
	case *corev1.Pod:
		before, _ := old.(*corev1.Pod)
		return restrictPod(node, written, before, subresource)
	case *coordinationv1.Lease:
		if written.Namespace != corev1.NamespaceNodeLease || written.Name != node {
			return fmt.Sprintf("can only access a Lease in namespace %q with its own name", corev1.NamespaceNodeLease)
		}
	case *corev1.Namespace:
		if len(written.Annotations) > 0 || slices.ContainsFunc(slices.Collect(maps.Keys(written.Labels)), func(key string) bool { return key != corev1.LabelMetadataName }) {
			return "can only create a namespace without labels and annotations"
		}
	case *certificatesv1.CertificateSigningRequest:
		if written.Spec.SignerName != certificatesv1.KubeAPIServerClientKubeletSignerName {
			return fmt.Sprintf("can only request certificates of %s", certificatesv1.KubeAPIServerClientKubeletSignerName)
		}
	}
	return ""
}

func restrictNode(name string, node, old *corev1.Node) string {
	if node.Name != name {
		return fmt.Sprintf("is not allowed to modify node %q", node.Name)
	}
	if old == nil {
		if len(node.OwnerReferences) > 0 {
			return "is not allowed to set owner references"
		}
		return notAllowed("set", slices.Collect(maps.Keys(node.Labels)))
	}
	if !apiequality.Semantic.DeepEqual(node.Spec.Taints, old.Spec.Taints) {
		return "is not allowed to modify taints"
	}
	if !apiequality.Semantic.DeepEqual(node.OwnerReferences, old.OwnerReferences) {
		return "is not allowed to modify owner references"
	}
	return notAllowed("modify", changed(node.Labels, old.Labels))
}

// changed are the keys whose value is not the same in both.
func changed(labels, old map[string]string) []string {
	var keys []string
	for key, value := range labels {
		if before, there := old[key]; !there || before != value {
			keys = append(keys, key)
		}
	}
	for key := range old {
		if _, there := labels[key]; !there {
			keys = append(keys, key)
		}
	}
	return keys
}

func notAllowed(verb string, keys []string) string {
	keys = slices.DeleteFunc(keys, mayLabel)
	if len(keys) == 0 {
		return ""
	}
	slices.Sort(keys)
	return fmt.Sprintf("is not allowed to %s labels: %s", verb, strings.Join(keys, ", "))
}

// ownLabels are those of Kubernetes' that a node may give itself.
var ownLabels = []string{
	corev1.LabelHostname, corev1.LabelOSStable, corev1.LabelArchStable, corev1.LabelInstanceTypeStable,
	corev1.LabelTopologyZone, corev1.LabelTopologyRegion, corev1.LabelWindowsBuild,
	corev1.LabelFailureDomainBetaZone, corev1.LabelFailureDomainBetaRegion, corev1.LabelInstanceType,
	"beta.kubernetes.io/os", "beta.kubernetes.io/arch",
}

// mayLabel is true for a user's labels, and for those of Kubernetes' that say what a machine is, not what it may run.
func mayLabel(key string) bool {
	domain, _, qualified := strings.Cut(key, "/")
	if !qualified || !below(domain, "kubernetes.io") && !below(domain, "k8s.io") {
		return true
	}
	return slices.Contains(ownLabels, key) || below(domain, "kubelet.kubernetes.io") || below(domain, "node.kubernetes.io")
}

func below(domain, parent string) bool {
	return domain == parent || strings.HasSuffix(domain, "."+parent)
}

// restrictPod: a node makes only Pods again that ran on it, and of a Pod writes only the status.
func restrictPod(node string, pod, old *corev1.Pod, subresource string) string {
	if subresource == "status" && old != nil {
		if !apiequality.Semantic.DeepEqual(pod.Labels, old.Labels) {
			return "cannot update labels through pod status"
		}
		return ""
	}
	switch {
	case old != nil || subresource != "":
		return "can only update the status of a pod"
	case pod.Spec.NodeName != node:
		return fmt.Sprintf("can only create pods with spec.nodeName set to itself (got %q)", pod.Spec.NodeName)
	case pod.Annotations[AnnotationAdopted] == "":
		return fmt.Sprintf("can only create pods that it has been running: with the annotation %s", AnnotationAdopted)
	case len(pod.OwnerReferences) > 0:
		return "can not create pods with an owner"
	}
	return ""
}

// validateToken wants a token to be for a Pod that is bound to the node, and for whom a volume of the Pod says.
func (r Restriction) validateToken(ctx context.Context, a admission.Attributes, node string, token *authenticationv1.TokenRequest) error {
	pod := token.Spec.BoundObjectRef
	if pod == nil || pod.APIVersion != "v1" || pod.Kind != "Pod" || pod.Name == "" || pod.UID == "" {
		return admission.NewForbidden(a, fmt.Errorf("node requested token not bound to a pod, by its name and UID"))
	}
	bound, _, err := r.lookup.PodOn(ctx, node, a.GetNamespace(), pod.Name)
	if err != nil {
		return admission.NewForbidden(a, err)
	}
	if !bound {
		return admission.NewForbidden(a, fmt.Errorf("node requested token bound to a pod scheduled on a different node"))
	}
	if len(token.Spec.Audiences) > 1 {
		return admission.NewForbidden(a, fmt.Errorf("node may only request 0 or 1 audiences"))
	}
	audience := strings.Join(token.Spec.Audiences, "")
	asked, err := r.lookup.PodNames(ctx, node, pod.Name, Reference{Kind: Audience, Namespace: a.GetNamespace(), Name: audience})
	if err != nil {
		return admission.NewForbidden(a, err)
	}
	if !asked {
		return admission.NewForbidden(a, fmt.Errorf("audience %q not found in pod spec volume", audience))
	}
	return nil
}
