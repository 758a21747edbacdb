package reconcile

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"coracle.dev/coracle/reconcile/manifest"
)

// Outcome is what became of a plan's items.
type Outcome struct {
	Applied []Item // created and changed; live is what they became
	Pruned  []Item
	// Failed are items that could not be carried out, with their reason in place of the plan's; held ones too.
	Failed []Item
}

// changed says whether anything was written.
func (o Outcome) changed() bool { return len(o.Applied)+len(o.Pruned) > 0 }

// executor carries out plans.
type executor struct {
	cluster *Cluster
	setID   string
	// stamps say which commit each object is from. What is missing is stamped with the plan's revision.
	stamps map[manifest.Key]stamp
	// prepare is called before a Deployment is created, for its history; may be nil.
	prepare func(ctx context.Context, item Item)
}

// run carries out a plan: everything of one phase and wave at once, then the next. A failure is recorded on its object and
// stops no other, but for what cannot be there without it: the objects of a namespace that could not be made.
//
// Prunes come last, and only if nothing failed: where a rename fails to make the new object, the old one goes on.
func (e executor) run(ctx context.Context, plan Plan) Outcome {
	var outcome Outcome
	lost := map[string]bool{} // namespaces that could not be made
	for _, group := range groups(plan.Items) {
		e.applyGroup(ctx, plan.Revision, group, lost, &outcome)
	}
	for _, item := range plan.Items {
		if item.Action != ActionPrune {
			continue
		}
		if len(outcome.Failed) > 0 {
			item.Action, item.Reason = ActionHold, "is not pruned while other objects of this sync fail"
			outcome.Failed = append(outcome.Failed, item)
			continue
		}
		if err := e.prune(ctx, item); err != nil {
			item.Reason = refusal(err)
			outcome.Failed = append(outcome.Failed, item)
			continue
		}
		outcome.Pruned = append(outcome.Pruned, item)
	}
	return outcome
}

// groups are runs of items of the same phase and wave, without what is pruned.
func groups(items []Item) [][]Item {
	var result [][]Item
	for _, item := range items {
		if item.object == nil {
			continue
		}
		if last := len(result) - 1; last >= 0 && result[last][0].phase == item.phase && result[last][0].Wave == item.Wave {
			result[last] = append(result[last], item)
			continue
		}
		result = append(result, []Item{item})
	}
	return result
}

func (e executor) applyGroup(ctx context.Context, revision Revision, group []Item, lost map[string]bool, outcome *Outcome) {
	var todo []Item
	for _, item := range group {
		switch {
		case item.Action == ActionRefuse || item.Action == ActionHold:
			outcome.Failed = append(outcome.Failed, item)
		case item.Action != ActionCreate && item.Action != ActionChange:
		case lost[item.Namespace]:
			item.Action, item.Reason = ActionHold, fmt.Sprintf("waits: the namespace %s could not be made", item.Namespace)
			outcome.Failed = append(outcome.Failed, item)
		default:
			todo = append(todo, item)
		}
	}
	errs := make([]error, len(todo))
	forEach(len(todo), func(i int) { errs[i] = e.applyItem(ctx, revision, &todo[i]) })
	for i, item := range todo {
		if errs[i] == nil {
			outcome.Applied = append(outcome.Applied, item)
			continue
		}
		item.Reason = refusal(errs[i])
		outcome.Failed = append(outcome.Failed, item)
	}
	for _, item := range outcome.Failed {
		if item.Kind == "Namespace" && item.live == nil {
			lost[item.Name] = true
		}
	}
}

// applyItem leaves in the item what is live now.
func (e executor) applyItem(ctx context.Context, revision Revision, item *Item) error {
	if item.Action == ActionCreate && e.prepare != nil {
		e.prepare(ctx, *item)
	}
	s, ok := e.stamps[item.Key]
	if !ok {
		s = stampFor(item.Kind, revision)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	written, err := e.cluster.apply(ctx, bodyOf(*item.object, e.setID, s), false)
	if err == nil {
		item.live = written
	}
	return err
}

func (e executor) prune(ctx context.Context, item Item) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return e.cluster.remove(ctx, item.live)
}

// objectsOf are the manifests of all items that have one, and what is kept of those that left the tree.
func objectsOf(plan Plan, pruned []Item) []*unstructured.Unstructured {
	gone := map[manifest.Key]bool{}
	for _, item := range pruned {
		gone[item.Key] = true
	}
	var objects []*unstructured.Unstructured
	for _, item := range plan.Items {
		switch {
		case item.object != nil:
			objects = append(objects, item.object.Content)
		case !gone[item.Key]:
			objects = append(objects, item.live)
		}
	}
	return objects
}
