package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"coracle.dev/coracle/reconcile/manifest"
)

// members gives all live objects of the resources that carry the label of a set.
type members func(ctx context.Context, resources []resource, setID string) ([]*unstructured.Unstructured, error)

// listMembers asks the API server.
func (c *Cluster) listMembers(ctx context.Context, resources []resource, setID string) ([]*unstructured.Unstructured, error) {
	var found []*unstructured.Unstructured
	for _, r := range resources {
		err := c.list(ctx, r, "", partOfLabel+"="+setID, func(object *unstructured.Unstructured) { found = append(found, object) })
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// resourcesOf are those of the desired objects and of the kinds that were applied before, each once and in a fixed order.
func (s *served) resourcesOf(desired []manifest.Object, before []schema.GroupKind) []resource {
	byGroupKind := map[schema.GroupKind]resource{}
	for _, kind := range before {
		if r, ok := s.ofGroupKind(kind); ok {
			byGroupKind[kind] = r
		}
	}
	for _, object := range desired {
		kind := object.Content.GroupVersionKind()
		if r, ok := s.byKind[kind]; ok {
			byGroupKind[kind.GroupKind()] = r
		}
	}
	resources := make([]resource, 0, len(byGroupKind))
	for _, r := range byGroupKind {
		resources = append(resources, r)
	}
	slices.SortFunc(resources, func(a, b resource) int { return strings.Compare(a.String(), b.String()) })
	return resources
}

// manyMissing is from how many objects of one kind and namespace on a list is cheaper than asking for each.
const manyMissing = 8

// findLive gives the live objects that the tree names, and all members of the set.
func (c *Cluster) findLive(ctx context.Context, desired []manifest.Object, members []*unstructured.Unstructured) (map[manifest.Key]*unstructured.Unstructured, error) {
	live := make(map[manifest.Key]*unstructured.Unstructured, len(members))
	for _, object := range members {
		live[manifest.KeyOf(object)] = object
	}
	known, err := c.known()
	if err != nil {
		return nil, err
	}
	type place struct {
		resource  resource
		namespace string
	}
	missing := map[place][]manifest.Key{}
	for _, object := range desired {
		if live[object.Key] == nil {
			at := place{known.byKind[object.Content.GroupVersionKind()], object.Namespace}
			missing[at] = append(missing[at], object.Key)
		}
	}
	for at, keys := range missing {
		if len(keys) < manyMissing {
			for _, key := range keys {
				object, err := c.at(at.resource, key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
				if apierrors.IsNotFound(err) {
					continue
				}
				if err != nil {
					return nil, fmt.Errorf("get %s: %w", key, err)
				}
				live[key] = object
			}
			continue
		}
		err := c.list(ctx, at.resource, at.namespace, "", func(object *unstructured.Unstructured) {
			if key := manifest.KeyOf(object); slices.Contains(keys, key) {
				live[key] = object
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return live, nil
}

// atOnce is how many requests are under way at a time.
const atOnce = 8

// forEach calls do for 0 … n-1, atOnce at a time. A panic of one is one of the caller.
func forEach(n int, do func(i int)) {
	var wait sync.WaitGroup
	turns, panics := make(chan struct{}, atOnce), make(chan any, n)
	for i := range n {
		turns <- struct{}{}
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer func() { <-turns }()
			defer func() {
				if panicked := recover(); panicked != nil {
					panics <- panicked
				}
			}()
			do(i)
		}()
	}
	wait.Wait()
	select {
	case panicked := <-panics:
		panic(panicked)
	default:
	}
}

// try asks the server what applying each object would do. Live is read anew for each, so that what a cache has not seen
// yet is not taken for a change; it replaces the one in live.
func (c *Cluster) try(ctx context.Context, objects []manifest.Object, setID string, live map[manifest.Key]*unstructured.Unstructured) (map[manifest.Key]Trial, error) {
	type answer struct {
		trial Trial
		live  *unstructured.Unstructured
		err   error
	}
	answers := make([]answer, len(objects))
	forEach(len(objects), func(i int) {
		object, a := objects[i], &answers[i]
		resource, err := c.forObject(object.Content)
		if err != nil {
			a.err = err
			return
		}
		a.live, err = resource.Get(ctx, object.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			a.live = nil
			return
		}
		if err != nil {
			a.err = fmt.Errorf("get %s: %w", object.Key, err)
			return
		}
		after, err := c.apply(ctx, bodyOf(object, setID, stampOf(a.live, ownedFields(a.live))), true)
		switch {
		case err != nil && isRefusal(err):
			a.trial.Refused = refusal(err)
		case err != nil:
			a.err = fmt.Errorf("try %s: %w", object.Key, err)
		default:
			a.trial.After = after
		}
	})
	trials := make(map[manifest.Key]Trial, len(objects))
	for i, a := range answers {
		key := objects[i].Key
		switch {
		case a.err != nil:
			return nil, a.err
		case a.live == nil:
			delete(live, key)
		default:
			live[key], trials[key] = a.live, a.trial
		}
	}
	return trials, nil
}

// foreignIn names what lives in a namespace and goes with it, though coracle did not apply it for this set. What
// Kubernetes puts into each namespace by itself does not count.
func (c *Cluster) foreignIn(ctx context.Context, namespace, setID string) ([]string, error) {
	known, err := c.known()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, kind := range known.kinds {
		r := known.byKind[kind]
		if first, _ := known.ofGroupKind(kind.GroupKind()); !r.namespaced || first != r || comesByItself[kind.Kind] {
			continue
		}
		err := c.list(ctx, r, namespace, "", func(object *unstructured.Unstructured) {
			key := manifest.KeyOf(object)
			mine := object.GetLabels()[partOfLabel] == setID && ownsLabel(object)
			if !mine && len(object.GetOwnerReferences()) == 0 && !givenObjects[key.Kind+" "+key.Name] {
				names = append(names, key.String())
			}
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return names, nil
}

var (
	comesByItself = map[string]bool{"Event": true, "Lease": true, "Endpoints": true, "EndpointSlice": true}
	givenObjects  = map[string]bool{"ServiceAccount default": true, "ConfigMap kube-root-ca.crt": true}
)
