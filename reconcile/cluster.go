package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"coracle.dev/coracle/reconcile/manifest"
)

// Cluster is a destination: any Kubernetes API. It may be used concurrently.
type Cluster struct {
	client    dynamic.Interface
	discovery discovery.DiscoveryInterface

	mu     sync.Mutex
	served *served
}

// NewCluster reads nothing yet. The client should have no rate limit of its own where the API server is near.
func NewCluster(client dynamic.Interface, discovery discovery.DiscoveryInterface) *Cluster {
	return &Cluster{client: client, discovery: discovery}
}

// resource is how objects of a kind are reached.
type resource struct {
	schema.GroupVersionResource
	kind       schema.GroupVersionKind
	namespaced bool
}

// served is what a cluster's discovery says.
type served struct {
	byKind map[schema.GroupVersionKind]resource
	kinds  []schema.GroupVersionKind // in the cluster's order: the preferred version of a group first
}

// refresh asks the cluster which kinds it serves.
func (c *Cluster) refresh() (*served, error) {
	_, lists, err := c.discovery.ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, fmt.Errorf("ask the API server which kinds it serves: %w", err)
	}
	fresh := &served{byKind: map[schema.GroupVersionKind]resource{}}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "patch") || !slices.Contains(r.Verbs, "list") {
				continue // a subresource, or nothing that can be applied
			}
			kind := version.WithKind(r.Kind)
			if _, known := fresh.byKind[kind]; !known {
				fresh.kinds = append(fresh.kinds, kind)
				fresh.byKind[kind] = resource{version.WithResource(r.Name), kind, r.Namespaced}
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.served = fresh
	return fresh, nil
}

// known is what was last read, or is read now.
func (c *Cluster) known() (*served, error) {
	c.mu.Lock()
	known := c.served
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	return c.refresh()
}

// ofGroupKind is the resource of a kind in the version that the cluster prefers.
func (s *served) ofGroupKind(kind schema.GroupKind) (resource, bool) {
	for _, candidate := range s.kinds {
		if candidate.GroupKind() == kind {
			return s.byKind[candidate], true
		}
	}
	return resource{}, false
}

// namespaced tells the loader what it wants to know of a kind.
func (s *served) namespaced(kind schema.GroupVersionKind) (namespaced, served bool) {
	r, ok := s.byKind[kind]
	return r.namespaced, ok
}

func (c *Cluster) at(r resource, namespace string) dynamic.ResourceInterface {
	if r.namespaced && namespace != "" {
		return c.client.Resource(r.GroupVersionResource).Namespace(namespace)
	}
	return c.client.Resource(r.GroupVersionResource)
}

// forObject finds the resource of an object.
func (c *Cluster) forObject(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	known, err := c.known()
	if err != nil {
		return nil, err
	}
	r, ok := known.byKind[object.GroupVersionKind()]
	if !ok {
		return nil, fmt.Errorf("kind %s is not served", object.GroupVersionKind())
	}
	return c.at(r, object.GetNamespace()), nil
}

// apply applies body as the field manager coracle, taking over fields that others own. A dry run changes nothing and returns
// what would be.
func (c *Cluster) apply(ctx context.Context, body *unstructured.Unstructured, dryRun bool) (*unstructured.Unstructured, error) {
	resource, err := c.forObject(body)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(body.Object)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", manifest.KeyOf(body), err)
	}
	force := true
	options := metav1.PatchOptions{FieldManager: Manager, Force: &force, FieldValidation: metav1.FieldValidationStrict}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	return resource.Patch(ctx, body.GetName(), types.ApplyPatchType, encoded, options)
}

// remove deletes an object and, in the background, what it owns. One that is gone, or is another by now, is no error.
func (c *Cluster) remove(ctx context.Context, live *unstructured.Unstructured) error {
	resource, err := c.forObject(live)
	if err != nil {
		return err
	}
	background, uid := metav1.DeletePropagationBackground, live.GetUID()
	err = resource.Delete(ctx, live.GetName(), metav1.DeleteOptions{
		PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &uid},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

const pageSize = 500

// list visits all objects of a resource that match.
func (c *Cluster) list(ctx context.Context, r resource, namespace, selector string, visit func(*unstructured.Unstructured)) error {
	options := metav1.ListOptions{LabelSelector: selector, Limit: pageSize}
	for {
		page, err := c.at(r, namespace).List(ctx, options)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", r.Resource, err)
		}
		for i := range page.Items {
			visit(&page.Items[i])
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

// refusal is what an API error says, without the words that every such error begins with.
func refusal(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Message != "" {
		return status.Status().Message
	}
	return err.Error()
}

// isRefusal tells what the server will say again from what may pass when it is tried again.
func isRefusal(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) ||
		apierrors.IsMethodNotSupported(err) || apierrors.IsRequestEntityTooLargeError(err) || apierrors.IsConflict(err)
}

// requestTimeout bounds one call to the API.
const requestTimeout = 30 * time.Second
