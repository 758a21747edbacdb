package reconcile

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"coracle.dev/coracle/reconcile/manifest"
)

// The replicas of a workload are one autoscaler's business once there is one, even where Git states them: as often as Git put
// them back, the autoscaler would change them again. What Git states counts for the creation only.

var autoscalerKind = schema.GroupKind{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}

// autoscalers finds the autoscaler of each workload that states its replicas, in the tree and in the API. The API is asked only if some
// such workload is not as the tree says.
func (p planner) autoscalers(ctx context.Context, tree []manifest.Object, o Observed) (map[manifest.Key]string, error) {
	found := map[manifest.Key]string{}
	inTree := map[manifest.Key]bool{}
	for _, object := range tree {
		if object.Group == autoscalerKind.Group && object.Kind == autoscalerKind.Kind {
			inTree[object.Key] = true
			noteAutoscaler(found, object.Content)
		}
	}
	asked := o
	asked.Desired = nil
	for _, object := range o.Desired {
		if found[object.Key] == "" && o.Live[object.Key] != nil && statesReplicas(object.Content) {
			asked.Desired = append(asked.Desired, object)
		}
	}
	if len(p.suspects(asked)) == 0 {
		return found, nil
	}
	known, err := p.cluster.known()
	if err != nil {
		return nil, err
	}
	resource, served := known.ofGroupKind(autoscalerKind)
	if !served {
		return found, nil
	}
	err = p.cluster.list(ctx, resource, "", "", func(live *unstructured.Unstructured) {
		leaving := live.GetLabels()[partOfLabel] == o.SetID && ownsLabel(live) && !inTree[manifest.KeyOf(live)]
		if !leaving && live.GetDeletionTimestamp() == nil {
			noteAutoscaler(found, live)
		}
	})
	return found, err
}

// noteAutoscaler writes down what the autoscaler scales.
func noteAutoscaler(found map[manifest.Key]string, autoscaler *unstructured.Unstructured) {
	target, _, _ := unstructured.NestedStringMap(autoscaler.Object, "spec", "scaleTargetRef")
	version, err := schema.ParseGroupVersion(target["apiVersion"])
	if err != nil {
		return
	}
	found[manifest.Key{Group: version.Group, Kind: target["kind"], Namespace: autoscaler.GetNamespace(), Name: target["name"]}] = autoscaler.GetName()
}

func statesReplicas(content *unstructured.Unstructured) bool {
	_, stated, _ := unstructured.NestedFieldNoCopy(content.Object, "spec", "replicas")
	return stated
}

var replicasPath = fieldpath.MakePathOrDie("spec", "replicas")

// leaveReplicas gives the object without its replicas, and says why. While they are coracle's by the managed fields they become those that
// are there: a field that its only owner no longer states falls back to its default, which is 1.
func leaveReplicas(object manifest.Object, live *unstructured.Unstructured, autoscaler string) (manifest.Object, string) {
	if live == nil || autoscaler == "" || !statesReplicas(object.Content) {
		return object, ""
	}
	content := object.Content.DeepCopy()
	current, has, _ := unstructured.NestedFieldNoCopy(live.Object, "spec", "replicas")
	if owned := ownedFields(live); has && owned != nil && owned.Has(replicasPath) {
		_ = unstructured.SetNestedField(content.Object, current, "spec", "replicas") // there is a spec: it states replicas
	} else {
		unstructured.RemoveNestedField(content.Object, "spec", "replicas")
	}
	object.Content, object.Digest = content, object.Digest+" autoscaled"
	return object, fmt.Sprintf("spec.replicas is left alone: %s %s sets it", autoscalerKind.Kind, autoscaler)
}

// leaveAutoscaled puts into o what of the desired objects is applied, and what is left alone.
func (p planner) leaveAutoscaled(ctx context.Context, tree []manifest.Object, o *Observed) error {
	found, err := p.autoscalers(ctx, tree, *o)
	if err != nil || len(found) == 0 {
		return err
	}
	desired := make([]manifest.Object, len(o.Desired))
	o.LeftAlone = map[manifest.Key]string{}
	for i, object := range o.Desired {
		var why string
		if desired[i], why = leaveReplicas(object, o.Live[object.Key], found[object.Key]); why != "" {
			o.LeftAlone[object.Key] = why
		}
	}
	o.Desired = desired
	return nil
}
