package reconcile

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/dynamic"

	"coracle.dev/coracle/reconcile/manifest"
)

const (
	// seedTime is how long the history of one Deployment may take to be made: some milliseconds a version, on a machine at rest.
	seedTime = 10 * time.Second
	// defaultHistoryLimit is how many old ReplicaSets a Deployment keeps if it does not say.
	defaultHistoryLimit = 10

	revisionAnnotation = "deployment.kubernetes.io/revision"
)

// seed gives a Deployment that is about to be created its history: the earlier versions of its manifest are applied in turn,
// with 0 replicas, and its controller makes a ReplicaSet of each. So `kubectl rollout undo` has something to go back to,
// though this cluster never ran it. versions are newest first, and the first is the one about to be created.
func (c *Cluster) seed(ctx context.Context, setID string, versions []version) error {
	ctx, cancel := context.WithTimeout(ctx, seedTime)
	defer cancel()
	earlier := seedVersions(versions)
	for i := len(earlier) - 1; i >= 0; i-- {
		v := earlier[i]
		applied, err := c.apply(ctx, seedBody(v, setID), false)
		if err != nil {
			if isRefusal(err) {
				continue // an old version that would not be accepted today
			}
			return fmt.Errorf("apply %s at %s: %w", v.object.Key, v.Short(), err)
		}
		if err := c.waitForRevision(ctx, applied); err != nil {
			return fmt.Errorf("wait for the revision of %s at %s: %w", v.object.Key, v.Short(), err)
		}
	}
	return nil
}

// seedVersions are the earlier versions that make a ReplicaSet of their own, newest first, as many as the Deployment keeps.
// Of versions in a row with one Pod template it is the newest, whose change-cause the ReplicaSet would have by now. A version with
// the template of the current one, as after a revert, has the current ReplicaSet: seeding it with 0 replicas would end Pods that
// run already (adopted from an engine whose API server was lost).
func seedVersions(versions []version) []version {
	if len(versions) == 0 {
		return nil
	}
	current := versions[0].object
	limit := historyLimit(current)
	newer := template(current)
	var earlier []version
	for _, v := range versions[1:] {
		same := equalValues(template(v.object), newer)
		newer = template(v.object)
		if same || equalValues(template(v.object), template(current)) || !equalValues(selector(v.object), selector(current)) {
			continue
		}
		if len(earlier) == limit {
			break
		}
		earlier = append(earlier, v)
	}
	return earlier
}

func historyLimit(object manifest.Object) int {
	limit, found, err := unstructured.NestedInt64(object.Content.Object, "spec", "revisionHistoryLimit")
	if err != nil || !found {
		return defaultHistoryLimit
	}
	return int(limit)
}

func template(object manifest.Object) any {
	value, _, _ := unstructured.NestedFieldNoCopy(object.Content.Object, "spec", "template")
	return value
}

func selector(object manifest.Object) any {
	value, _, _ := unstructured.NestedFieldNoCopy(object.Content.Object, "spec", "selector")
	return value
}

// seedBody is a version that starts no Pods. It is not paused either: a paused Deployment gets no ReplicaSets.
func seedBody(v version, setID string) *unstructured.Unstructured {
	body := bodyOf(v.object, setID, stampFor(v.object.Kind, v.Revision))
	spec, _ := body.Object["spec"].(map[string]any)
	quiet := make(map[string]any, len(spec)+1)
	for key, value := range spec {
		if key != "paused" {
			quiet[key] = value
		}
	}
	quiet["replicas"] = int64(0)
	body.Object["spec"] = quiet
	return body
}

// waitForRevision returns when the Deployment controller has seen the object and numbered its revision.
func (c *Cluster) waitForRevision(ctx context.Context, applied *unstructured.Unstructured) error {
	resource, err := c.forObject(applied)
	if err != nil {
		return err
	}
	if hasRevision(applied, applied.GetGeneration()) {
		return nil
	}
	return watchUntil(ctx, resource, applied, func(now *unstructured.Unstructured) bool {
		return hasRevision(now, applied.GetGeneration())
	})
}

func hasRevision(deployment *unstructured.Unstructured, generation int64) bool {
	observed, _, _ := unstructured.NestedInt64(deployment.Object, "status", "observedGeneration")
	return observed >= generation && deployment.GetAnnotations()[revisionAnnotation] != ""
}

// watchUntil follows one object from the state in which it was applied.
func watchUntil(ctx context.Context, resource dynamic.ResourceInterface, from *unstructured.Unstructured, done func(*unstructured.Unstructured) bool) error {
	watch, err := resource.Watch(ctx, metav1.ListOptions{
		FieldSelector:   fields.OneTermEqualSelector("metadata.name", from.GetName()).String(),
		ResourceVersion: from.GetResourceVersion(),
	})
	if err != nil {
		return err
	}
	defer watch.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event, open := <-watch.ResultChan():
			if !open {
				return fmt.Errorf("the watch ended")
			}
			if object, ok := event.Object.(*unstructured.Unstructured); ok && done(object) {
				return nil
			}
		}
	}
}
