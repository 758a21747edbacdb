package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
	"coracle.dev/coracle/reconcile/manifest"
)

const (
	argoOptionsAnnotation = "argocd.argoproj.io/sync-options"
	fluxPruneAnnotation   = "kustomize.toolkit.fluxcd.io/prune"
)

// pruneRule is one reason not to delete an object that left the tree. The first that applies is given.
type pruneRule struct {
	applies func(o Observed, live *unstructured.Unstructured) bool
	action  Action
	reason  func(o Observed, live *unstructured.Unstructured) string
}

var pruneRules = []pruneRule{
	{func(_ Observed, live *unstructured.Unstructured) bool { return !ownsLabel(live) },
		ActionKeep, because("carries the label of this application, but coracle did not apply it")},
	{func(_ Observed, live *unstructured.Unstructured) bool { return isController(live) },
		ActionKeep, because("belongs to a controller")},
	{func(_ Observed, live *unstructured.Unstructured) bool { return live.GetDeletionTimestamp() != nil },
		ActionKeep, because("is being deleted")},
	{func(_ Observed, live *unstructured.Unstructured) bool { return pruneWish(live) == wishNever },
		ActionKeep, because("left the source, and its annotations forbid pruning")},
	{func(o Observed, _ *unstructured.Unstructured) bool { return !o.Prune },
		ActionKeep, because("left the source, and pruning is off")},
	{func(o Observed, _ *unstructured.Unstructured) bool { return len(o.Problems) > 0 },
		ActionHold, because("is not pruned while something in the source cannot be loaded")},
	{func(o Observed, _ *unstructured.Unstructured) bool { return len(o.Desired) == 0 },
		ActionHold, because("is not pruned: the source has no objects at all, which never means \"delete everything\"")},
	{func(_ Observed, live *unstructured.Unstructured) bool { return pruneWish(live) == wishConfirm },
		ActionHold, because("left the source, and asks for a person to delete it (" + v1alpha1.PruneAnnotation + ": confirm)")},
	{func(o Observed, live *unstructured.Unstructured) bool {
		return isNamespace(live) && len(o.Foreign[live.GetName()]) > 0
	},
		ActionHold, func(o Observed, live *unstructured.Unstructured) string {
			return fmt.Sprintf("left the source, but holds what coracle did not apply: %s", shortList(o.Foreign[live.GetName()], 3))
		}},
	{func(_ Observed, live *unstructured.Unstructured) bool {
		return live.GetKind() == "PersistentVolumeClaim"
	},
		ActionHold, because("left the source, but may hold data; delete it by hand")},
}

func because(reason string) func(Observed, *unstructured.Unstructured) string {
	return func(Observed, *unstructured.Unstructured) string { return reason }
}

func planPrune(o Observed, key manifest.Key, live *unstructured.Unstructured) Item {
	item := newItem(live, key)
	item.live = live
	for _, rule := range pruneRules {
		if rule.applies(o, live) {
			item.Action, item.Reason = rule.action, rule.reason(o, live)
			return item
		}
	}
	item.Action, item.Reason = ActionPrune, "left the source"
	return item
}

// ownsLabel says whether it was coracle that put the label of a set on the object. Whoever copies an object's labels to another
// writes them as another manager.
func ownsLabel(live *unstructured.Unstructured) bool {
	owned := ownedFields(live)
	return owned != nil && owned.Has(fieldpath.MakePathOrDie("metadata", "labels", partOfLabel))
}

func isNamespace(object *unstructured.Unstructured) bool {
	return object.GetKind() == "Namespace" && object.GroupVersionKind().Group == ""
}

type wish int

const (
	wishNone wish = iota
	wishConfirm
	wishNever
)

// pruneWish reads what the object's annotations say about deleting it, in coracle's words, Argo CD's or Flux's.
func pruneWish(object *unstructured.Unstructured) wish {
	annotations := object.GetAnnotations()
	own := annotations[v1alpha1.PruneAnnotation]
	var options []string
	for _, option := range strings.Split(annotations[argoOptionsAnnotation], ",") {
		options = append(options, strings.TrimSpace(option))
	}
	switch {
	case own == "disabled", annotations[fluxPruneAnnotation] == "disabled", slices.Contains(options, "Prune=false"):
		return wishNever
	case own == "confirm", slices.Contains(options, "Prune=confirm"):
		return wishConfirm
	}
	return wishNone
}

// shortList joins the first n texts.
func shortList(texts []string, n int) string {
	if len(texts) <= n {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(texts[:n], ", "), len(texts)-n)
}
