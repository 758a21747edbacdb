package reconcile

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"coracle.dev/coracle/reconcile/manifest"
)

// Action is what a plan does with an object.
type Action string

const (
	ActionCreate Action = "create"
	ActionChange Action = "change"
	ActionPrune  Action = "prune"
	// ActionKeep leaves the object alone: it is as the tree says, or may not be touched.
	ActionKeep Action = "keep"
	// ActionHold would do something, and does not now; the reason says what it waits for.
	ActionHold Action = "hold"
	// ActionRefuse is what the server refused when it was tried; the reason is the server's.
	ActionRefuse Action = "refuse"
)

// Plan is all that a sync does, in order: what is applied by phase, wave, kind, namespace and name; then what is pruned, in
// reverse. The same value is printed by `coracle plan` and carried out by the daemon.
type Plan struct {
	Application string   `json:"application"` // as "default/shop"
	Revision    Revision `json:"revision"`
	Items       []Item   `json:"items"`
	// Problems are what could not be loaded, as "file:line: what to do". While there are any, nothing is pruned.
	Problems []string `json:"problems,omitempty"`
}

// Item is what a plan does with one object, and why.
type Item struct {
	Action     Action `json:"action"`
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	Wave       int    `json:"wave,omitempty"`
	// File is where the manifest is, as "web.yaml:3"; "" for what the tree no longer has.
	File   string        `json:"file,omitempty"`
	Reason string        `json:"reason"`
	Fields []FieldChange `json:"fields,omitempty"`
	// LeftAlone is what the manifest states and is not applied, with the reason; mostly "".
	LeftAlone string `json:"leftAlone,omitempty"`
	// Drift says that the cluster was changed, not the tree.
	Drift bool `json:"drift,omitempty"`

	Key    manifest.Key               `json:"-"`
	phase  phase                      // of its kind
	object *manifest.Object           // nil for what the tree no longer has
	live   *unstructured.Unstructured // nil for what is not there
}

// Trial is what the server said to a dry run of applying an object.
type Trial struct {
	After   *unstructured.Unstructured // what live would become
	Refused string                     // the server's words, if it would not
}

// Observed is everything that a plan depends on.
type Observed struct {
	Application string // as "default/shop"
	SetID       string
	Revision    Revision

	// Desired are the objects of the tree, Problems what else is in it.
	Desired  []manifest.Object
	Problems []string
	// Live are the objects of the cluster that the tree names, and all that carry the label of the set.
	Live map[manifest.Key]*unstructured.Unstructured
	// Trials are the dry runs of those that Suspects named, and possibly of objects to create.
	Trials map[manifest.Key]Trial
	// Applied are the digests of manifests as they were last applied. An object that differs from a manifest of the
	// same digest has drifted.
	Applied map[manifest.Key]string
	// LeftAlone says what Desired leaves out of a manifest, and why.
	LeftAlone map[manifest.Key]string
	// Prune says that what left the tree is deleted.
	Prune bool
	// Foreign names what lives in namespaces that left the tree and is not of this set, by namespace.
	Foreign map[string][]string
}

// BuildPlan decides. It is pure, and its answer does not depend on the order of anything in o.
func BuildPlan(o Observed) Plan {
	plan := Plan{Application: o.Application, Revision: o.Revision, Problems: slices.Sorted(slices.Values(o.Problems))}
	wanted := make(map[manifest.Key]bool, len(o.Desired))
	for i := range o.Desired {
		wanted[o.Desired[i].Key] = true
		plan.Items = append(plan.Items, planApply(o, &o.Desired[i]))
	}
	slices.SortFunc(plan.Items, compareItems)

	var prunes []Item
	for key, live := range o.Live {
		if !wanted[key] && live.GetLabels()[partOfLabel] == o.SetID {
			prunes = append(prunes, planPrune(o, key, live))
		}
	}
	slices.SortFunc(prunes, func(a, b Item) int { return compareItems(b, a) })
	plan.Items = append(plan.Items, prunes...)
	return plan
}

// Suspects are the desired objects that are there and not surely up to date: those to try with a dry run.
func Suspects(o Observed, scheme *runtime.Scheme) []manifest.Object {
	var suspects []manifest.Object
	for _, object := range o.Desired {
		live := o.Live[object.Key]
		if live == nil || live.GetDeletionTimestamp() != nil || foreignSet(live, o.SetID) {
			continue
		}
		if !isUpToDate(object, live, o.SetID, scheme) {
			suspects = append(suspects, object)
		}
	}
	return suspects
}

func isUpToDate(object manifest.Object, live *unstructured.Unstructured, setID string, scheme *runtime.Scheme) bool {
	owned := ownedFields(live)
	if owned == nil || live.GetAPIVersion() != object.Content.GetAPIVersion() {
		return false
	}
	body := bodyOf(object, setID, stampOf(live, owned))
	return upToDate(body.Object, normalise(scheme, body), live.Object, owned)
}

func newItem(object *unstructured.Unstructured, key manifest.Key) Item {
	return Item{
		APIVersion: object.GetAPIVersion(), Kind: key.Kind, Namespace: key.Namespace, Name: key.Name, Wave: waveOf(object),
		Key: key, phase: phaseOf(key.Kind),
	}
}

func planApply(o Observed, object *manifest.Object) Item {
	item := newItem(object.Content, object.Key)
	item.File, item.object, item.live, item.LeftAlone = object.Position.String(), object, o.Live[object.Key], o.LeftAlone[object.Key]
	digest, before := o.Applied[object.Key]
	item.Drift = before && digest == object.Digest
	trial, tried := o.Trials[object.Key]
	switch {
	case item.live != nil && item.live.GetDeletionTimestamp() != nil:
		item.Action, item.Reason = ActionHold, "is being deleted; it is created again afterwards"
	case item.live != nil && foreignSet(item.live, o.SetID):
		item.Action, item.Reason = ActionRefuse, fmt.Sprintf("is applied by another application (%s=%s)", partOfLabel, item.live.GetLabels()[partOfLabel])
	case tried && trial.Refused != "":
		item.Action, item.Reason = ActionRefuse, trial.Refused
	case item.live == nil:
		item.Action, item.Reason = ActionCreate, "is not there"
		if item.Drift {
			item.Reason = "was deleted"
		}
	case !tried:
		item.Action, item.Reason, item.Drift = ActionKeep, "is up to date", false
	default:
		planChange(&item, trial)
	}
	return item
}

func planChange(item *Item, trial Trial) {
	item.Fields = diffObjects(item.live, trial.After)
	mine, after := ownedFields(item.live), ownedFields(trial.After)
	sameOwner := mine != nil && after != nil && mine.Equals(after)
	if len(item.Fields) == 0 && sameOwner {
		item.Action, item.Reason, item.Drift = ActionKeep, "is up to date", false
		return
	}
	item.Action, item.Reason = ActionChange, "changed in the source"
	switch {
	case mine == nil:
		item.Drift = false
		item.Reason = "was not applied by coracle before; it is taken over"
	case len(item.Fields) == 0:
		item.Reason = "takes back the ownership of its fields"
	case item.Drift:
		item.Reason = "was changed"
	}
	if item.Drift {
		if managers := otherManagers(item.live, item.Fields); len(managers) > 0 {
			item.Reason += " by " + strings.Join(managers, ", ")
		}
	}
}

// foreignSet says whether live is a member of another set. Those who only copied labels are not members.
func foreignSet(live *unstructured.Unstructured, setID string) bool {
	set := live.GetLabels()[partOfLabel]
	return set != "" && set != setID && ownsLabel(live)
}

// Count is how many items have the action.
func (p Plan) Count(action Action) int {
	n := 0
	for _, item := range p.Items {
		if item.Action == action {
			n++
		}
	}
	return n
}

// Empty says that there is nothing to create, change or prune.
func (p Plan) Empty() bool {
	return p.Count(ActionCreate)+p.Count(ActionChange)+p.Count(ActionPrune) == 0
}

// isController says whether something controls the object, so that it goes and comes with that.
func isController(object metav1.Object) bool { return metav1.GetControllerOf(object) != nil }
