package reconcile

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
	"coracle.dev/coracle/reconcile/manifest"
)

// Preview makes the plan that the daemon would make for an Application at a snapshot, and changes nothing. Only the Application's
// name, namespace, annotations and spec count; it need not exist. Objects to create are tried as well, where their namespace
// exists, so that what the server would refuse is shown. scheme may be nil.
func Preview(ctx context.Context, cluster *Cluster, scheme *runtime.Scheme, app *v1alpha1.Application, snapshot gitsource.Snapshot) (Plan, error) {
	if _, err := cluster.refresh(); err != nil {
		return Plan{}, err
	}
	p := planner{cluster: cluster, scheme: scheme, members: cluster.listMembers, tryNew: true}
	objects, problems := p.load(snapshot, app, nil)
	return p.plan(ctx, request{app: app, revision: revisionOf(snapshot.Revision), desired: objects, problems: problems,
		before: readMembership(app).kinds})
}

// planner observes a cluster and makes plans.
type planner struct {
	cluster *Cluster
	scheme  *runtime.Scheme
	members members
	memory  *memory // of comparisons; may be nil
	tryNew  bool    // try objects to create, too
}

// request is what a plan is wanted for.
type request struct {
	app      *v1alpha1.Application
	revision Revision
	desired  []manifest.Object
	problems []string
	applied  map[manifest.Key]string
	before   []schema.GroupKind // kinds that were applied earlier
	// only restricts the plan to these objects, and prunes nothing; nil is all.
	only map[manifest.Key]bool
}

// load reads the objects of a snapshot. Problems are sentences with file and line.
func (p planner) load(snapshot gitsource.Snapshot, app *v1alpha1.Application, cache *manifest.Cache) ([]manifest.Object, []string) {
	known, err := p.cluster.known()
	if err != nil {
		return nil, []string{err.Error()}
	}
	files, path := snapshot.Root, snapshot.Path
	if files == nil {
		files, path = snapshot.Files, "."
	}
	objects, errs := manifest.Load(files, manifest.Options{
		Path: path, Namespace: app.Spec.Namespace, Scheme: p.scheme, Served: known.namespaced, Kinds: known.kinds, Cache: cache,
	})
	problems := make([]string, len(errs))
	for i, err := range errs {
		problems[i] = err.Error()
	}
	return objects, problems
}

func (p planner) plan(ctx context.Context, r request) (Plan, error) {
	o := Observed{
		Application: r.app.Namespace + "/" + r.app.Name, SetID: SetID(r.app.Namespace, r.app.Name), Revision: r.revision,
		Desired: r.desired, Problems: r.problems, Applied: r.applied,
		Prune: r.app.Spec.Prune.Enabled == nil || *r.app.Spec.Prune.Enabled,
	}
	known, err := p.cluster.known()
	if err != nil {
		return Plan{}, err
	}
	objects, err := p.members(ctx, known.resourcesOf(r.desired, r.before), o.SetID)
	if err != nil {
		return Plan{}, err
	}
	if r.only != nil {
		o.Desired, objects = restrict(r, objects)
	}
	if o.Live, err = p.cluster.findLive(ctx, o.Desired, objects); err != nil {
		return Plan{}, err
	}
	if err := p.leaveAutoscaled(ctx, r.desired, &o); err != nil {
		return Plan{}, err
	}
	suspects := p.suspects(o)
	if o.Trials, err = p.cluster.try(ctx, suspects, o.SetID, o.Live); err != nil {
		return Plan{}, err
	}
	p.memory.remember(o)
	if p.tryNew {
		if err := p.tryCreations(ctx, o); err != nil {
			return Plan{}, err
		}
	}
	if o.Foreign, err = p.foreign(ctx, o); err != nil {
		return Plan{}, err
	}
	return BuildPlan(o), nil
}

// restrict keeps the objects that are asked for. Members that the tree does not name are left out, so they are not pruned.
func restrict(r request, objects []*unstructured.Unstructured) (desired []manifest.Object, kept []*unstructured.Unstructured) {
	for _, object := range r.desired {
		if r.only[object.Key] {
			desired = append(desired, object)
		}
	}
	names := make(map[manifest.Key]bool, len(desired))
	for _, object := range desired {
		names[object.Key] = true
	}
	for _, object := range objects {
		if names[manifest.KeyOf(object)] {
			kept = append(kept, object)
		}
	}
	return desired, kept
}

// suspects are those of Suspects that were not found to be up to date earlier, in the very same state.
func (p planner) suspects(o Observed) []manifest.Object {
	unknown := o
	unknown.Desired = nil
	for _, object := range o.Desired {
		if !p.memory.upToDate(object, o.Live[object.Key]) {
			unknown.Desired = append(unknown.Desired, object)
		}
	}
	return Suspects(unknown, p.scheme)
}

// tryCreations adds trials of objects that are not there yet, and whose namespace is.
func (p planner) tryCreations(ctx context.Context, o Observed) error {
	coming := map[string]bool{}
	for _, object := range o.Desired {
		if object.Kind == "Namespace" && o.Live[object.Key] == nil {
			coming[object.Name] = true
		}
	}
	var fresh []manifest.Object
	for _, object := range o.Desired {
		if o.Live[object.Key] == nil && !coming[object.Namespace] {
			fresh = append(fresh, object)
		}
	}
	refused := make([]string, len(fresh))
	forEach(len(fresh), func(i int) {
		_, err := p.cluster.apply(ctx, bodyOf(fresh[i], o.SetID, stamp{Commit: o.Revision.ID}), true)
		if err != nil && isRefusal(err) {
			refused[i] = refusal(err)
		}
	})
	for i, words := range refused {
		if words != "" {
			o.Trials[fresh[i].Key] = Trial{Refused: words}
		}
	}
	return ctx.Err()
}

// foreign looks into the namespaces that would be pruned.
func (p planner) foreign(ctx context.Context, o Observed) (map[string][]string, error) {
	wanted := make(map[manifest.Key]bool)
	for _, object := range o.Desired {
		if object.Kind == "Namespace" {
			wanted[object.Key] = true
		}
	}
	foreign := map[string][]string{}
	for key, live := range o.Live {
		if key.Kind != "Namespace" || wanted[key] || planPrune(o, key, live).Action != ActionPrune {
			continue
		}
		names, err := p.cluster.foreignIn(ctx, key.Name, o.SetID)
		if err != nil {
			return nil, err
		}
		foreign[key.Name] = names
	}
	return foreign, nil
}
