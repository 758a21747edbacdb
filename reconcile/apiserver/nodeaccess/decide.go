package nodeaccess

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// ConnectPath is where a node opens the tunnel by which it is reached.
const ConnectPath = "/coracle/connect"

// Lookup is what the API has.
type Lookup interface {
	// PodOn is whether a Pod is bound to the node, and whether there is one of that name at all.
	PodOn(ctx context.Context, node, namespace, name string) (bound, exists bool, err error)
	// Names is whether a Pod bound to the node names the object.
	Names(ctx context.Context, node string, object Reference) (bool, error)
	// PodNames is whether the Pod of that name, in the object's namespace and bound to the node, names the object.
	PodNames(ctx context.Context, node, pod string, object Reference) (bool, error)
}

// question is a request of a node.
type question struct {
	authorizer.Attributes
	node   string
	lookup Lookup
}

// rule is what a node may do with a resource. An empty reason allows it.
type rule struct {
	verbs []string
	judge func(ctx context.Context, q question) (reason string, err error)
}

// rules by resource and subresource, a few to a resource.
var rules = map[schema.GroupResource][]rule{
	core("nodes"):                            {{verbs("create"), anyName}, {verbs("get", "list", "watch", "update", "patch"), ownNode}},
	core("nodes/status"):                     {{verbs("get", "update", "patch"), ownNode}},
	core("pods"):                             {{verbs("list", "watch"), podsOfNode}, {verbs("create"), anyName}, {verbs("get", "delete"), ownPod}},
	core("pods/status"):                      {{verbs("get", "update", "patch"), ownPod}},
	core("secrets"):                          {{verbs("get", "list", "watch"), named(Secret)}},
	core("configmaps"):                       {{verbs("get", "list", "watch"), named(ConfigMap)}},
	core("serviceaccounts"):                  {{verbs("get"), named(ServiceAccount)}},
	core("serviceaccounts/token"):            {{verbs("create"), named(ServiceAccount)}},
	core("persistentvolumeclaims"):           {{verbs("get"), named(PersistentVolumeClaim)}},
	core("services"):                         {{verbs("get", "list", "watch"), anyName}},
	core("namespaces"):                       {{verbs("get", "create"), anyName}},
	core("events"):                           {{verbs("create", "update", "patch"), anyName}},
	in("events.k8s.io", "events"):            {{verbs("create", "update", "patch"), anyName}},
	in("coordination.k8s.io", "leases"):      {{verbs("create"), leaseNamespace}, {verbs("get", "list", "watch", "update", "patch", "delete"), ownLease}},
	in("discovery.k8s.io", "endpointslices"): {{verbs("get", "list", "watch"), anyName}},
	in("certificates.k8s.io", "certificatesigningrequests"): certificateRequests,
}

// certificateRequests may be made, and each followed by its name.
var certificateRequests = []rule{{verbs("create"), anyName}, {verbs("get", "list", "watch"), byName}}

func core(resource string) schema.GroupResource { return schema.GroupResource{Resource: resource} }
func in(group, resource string) schema.GroupResource {
	return schema.GroupResource{Group: group, Resource: resource}
}
func verbs(names ...string) []string { return names }

// Decide answers a request of a node, or of who would become one. It has no opinion on other users, nor on what it does not
// allow: the reason says why.
func Decide(ctx context.Context, asked authorizer.Attributes, lookup Lookup) (authorizer.Decision, string, error) {
	caller := asked.GetUser()
	var known map[schema.GroupResource][]rule
	switch {
	case isNode(caller):
		known = rules
	case isBootstrapper(caller):
		known = map[schema.GroupResource][]rule{in("certificates.k8s.io", "certificatesigningrequests"): certificateRequests}
	default:
		return authorizer.DecisionNoOpinion, "", nil
	}
	q := question{Attributes: asked, node: NodeName(caller), lookup: lookup}
	if isNode(caller) && q.node == "" {
		return authorizer.DecisionNoOpinion, fmt.Sprintf("unknown node for user %q", caller.GetName()), nil
	}
	reason, err := judge(ctx, q, known)
	if err != nil || reason != "" {
		return authorizer.DecisionNoOpinion, reason, err
	}
	return authorizer.DecisionAllow, "", nil
}

func judge(ctx context.Context, q question, known map[schema.GroupResource][]rule) (string, error) {
	if !q.IsResourceRequest() {
		if q.GetPath() == ConnectPath && q.GetVerb() == "get" && q.node != "" {
			return "", nil
		}
		return "a node has no business here", nil
	}
	resource := in(q.GetAPIGroup(), q.GetResource())
	if q.GetSubresource() != "" {
		resource.Resource += "/" + q.GetSubresource()
	}
	for _, rule := range known[resource] {
		if slices.Contains(rule.verbs, q.GetVerb()) {
			return rule.judge(ctx, q)
		}
	}
	return fmt.Sprintf("a node may not %s %s", q.GetVerb(), resource), nil
}

func anyName(context.Context, question) (string, error) { return "", nil }

// byName also takes a list or watch of one object, by a field selector: it has the object's name.
func byName(_ context.Context, q question) (string, error) {
	if q.GetName() == "" {
		return "a node may read only single objects here, by their names", nil
	}
	return "", nil
}

func ownNode(_ context.Context, q question) (string, error) {
	if q.GetName() != q.node {
		return fmt.Sprintf("node %q may read and write its own Node only", q.node), nil
	}
	return "", nil
}

func leaseNamespace(_ context.Context, q question) (string, error) {
	if q.GetNamespace() != corev1.NamespaceNodeLease {
		return fmt.Sprintf("a node has its Lease in namespace %s", corev1.NamespaceNodeLease), nil
	}
	return "", nil
}

func ownLease(ctx context.Context, q question) (string, error) {
	if q.GetName() != q.node {
		return fmt.Sprintf("node %q may read and write its own Lease only", q.node), nil
	}
	return leaseNamespace(ctx, q)
}

// podsOfNode wants the field selector that leaves out what other nodes run.
func podsOfNode(_ context.Context, q question) (string, error) {
	fields, err := q.GetFieldSelector()
	for _, field := range fields {
		equals := field.Operator == selection.Equals || field.Operator == selection.DoubleEquals
		if err == nil && equals && field.Field == "spec.nodeName" && field.Value == q.node {
			return "", nil
		}
	}
	return fmt.Sprintf("node %q may list and watch only Pods with the field selector spec.nodeName=%[1]s", q.node), nil
}

// ownPod also allows asking for a Pod that is not there: that it is not is what a node must know of what it still runs.
func ownPod(ctx context.Context, q question) (string, error) {
	if q.GetName() == "" {
		return "a node may read and delete only single Pods", nil
	}
	bound, exists, err := q.lookup.PodOn(ctx, q.node, q.GetNamespace(), q.GetName())
	if err != nil {
		return "", fmt.Errorf("look up pod: %w", err)
	}
	if exists && !bound {
		return fmt.Sprintf("the Pod is not bound to node %q", q.node), nil
	}
	return "", nil
}

// named allows what a Pod of the node names.
func named(kind Kind) func(context.Context, question) (string, error) {
	return func(ctx context.Context, q question) (string, error) {
		if q.GetName() == "" {
			return "a node may read only single objects here, by their names", nil
		}
		found, err := q.lookup.Names(ctx, q.node, Reference{Kind: kind, Namespace: q.GetNamespace(), Name: q.GetName()})
		if err != nil {
			return "", fmt.Errorf("look up the node's Pods: %w", err)
		}
		if !found {
			return fmt.Sprintf("no relationship found between node %q and this object: no Pod that is bound to it names it", q.node), nil
		}
		return "", nil
	}
}
