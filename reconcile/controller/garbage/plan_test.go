package garbage

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

var thing = schema.GroupKind{Group: "test", Kind: "Thing"}

// object has its name as its UID.
func object(name string, owners ...Owner) *Object {
	return &Object{Ref: refOf(name), Owners: owners}
}

func refOf(name string) Ref {
	return Ref{Kind: thing, Namespace: "ns", Name: name, UID: types.UID(name)}
}

func owner(name string) Owner    { return Owner{Ref: refOf(name)} }
func blocking(name string) Owner { return Owner{Ref: refOf(name), Blocks: true} }

func leaving(o *Object, how metav1.DeletionPropagation) *Object {
	o.Deleting = true
	o.Foreground = how == metav1.DeletePropagationForeground
	o.Orphan = how == metav1.DeletePropagationOrphan
	return o
}

func TestPlanObject(t *testing.T) {
	const (
		background = metav1.DeletePropagationBackground
		foreground = metav1.DeletePropagationForeground
		orphan     = metav1.DeletePropagationOrphan
	)
	held := func(how metav1.DeletionPropagation) *Object {
		o := leaving(object("x", owner("a")), how)
		o.Deleting = false
		return o
	}
	for name, c := range map[string]struct {
		object     *Object
		standings  []Standing
		dependents []*Object
		want       Plan
	}{
		"no owner":             {object("x"), nil, nil, Plan{}},
		"owner is there":       {object("x", owner("a")), []Standing{Solid}, nil, Plan{}},
		"owner is gone":        {object("x", owner("a")), []Standing{Absent}, nil, Plan{Delete: background}},
		"asked to orphan":      {held(orphan), []Standing{Absent}, nil, Plan{Delete: orphan}},
		"asked for foreground": {held(foreground), []Standing{Absent}, nil, Plan{Delete: foreground}},
		"one of two is gone":   {object("x", owner("a"), owner("b")), []Standing{Solid, Absent}, nil, Plan{Drop: []types.UID{"b"}}},
		"one of two leaves":    {object("x", owner("a"), owner("b")), []Standing{Leaving, Solid}, nil, Plan{Drop: []types.UID{"a"}}},
		"not yet asked":        {object("x", owner("a"), owner("b")), []Standing{Absent, Unseen}, nil, Plan{}},
		"cannot be asked":      {object("x", owner("a"), owner("b")), []Standing{Absent, Unverifiable}, nil, Plan{}},
		"owner leaves":         {object("x", owner("a")), []Standing{Leaving}, nil, Plan{Delete: background}},
		"owner leaves, has dependents": {object("x", blocking("a")), []Standing{Leaving}, []*Object{object("y", owner("x"))},
			Plan{Delete: foreground}},
		"a circle": {object("x", blocking("a"), owner("b")), []Standing{Leaving, Leaving}, []*Object{leaving(object("a", blocking("x")), foreground)},
			Plan{Delete: foreground, Unblock: []types.UID{"a"}}},
		"leaving already":     {leaving(object("x", owner("a")), background), []Standing{Absent}, nil, Plan{}},
		"foreground, blocked": {leaving(object("x"), foreground), nil, []*Object{object("y", blocking("x"))}, Plan{}},
		"foreground, free": {leaving(object("x"), foreground), nil, []*Object{object("y", owner("x"))},
			Plan{Release: metav1.FinalizerDeleteDependents}},
		"orphan": {leaving(object("x"), orphan), nil, []*Object{object("z", owner("x")), object("y", owner("x"))},
			Plan{Orphan: []Ref{refOf("y"), refOf("z")}, Release: metav1.FinalizerOrphanDependents}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, PlanObject(c.object, c.standings, c.dependents)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// api is what an API server makes of plans: it holds objects, marks them, and lets them go.
type api struct {
	graph   *Graph
	objects map[types.UID]*Object
	queue   map[Ref]bool
	trace   []string
}

func (a *api) put(o *Object) {
	a.objects[o.UID] = o
	a.add(a.graph.Put(o))
}

func (a *api) remove(uid types.UID) {
	delete(a.objects, uid)
	a.trace = append(a.trace, "gone "+string(uid))
	a.add(a.graph.Remove(uid))
}

func (a *api) add(refs []Ref) {
	for _, ref := range refs {
		a.queue[ref] = true
	}
}

// delete is what a client's deletion does.
func (a *api) delete(uid types.UID, how metav1.DeletionPropagation) {
	marked := *a.objects[uid]
	a.trace = append(a.trace, fmt.Sprintf("delete %s %s", uid, how))
	if how == metav1.DeletePropagationBackground {
		a.remove(uid)
		return
	}
	a.put(leaving(&marked, how))
}

func (a *api) withoutOwner(uid, owner types.UID) {
	changed := *a.objects[uid]
	changed.Owners = nil
	for _, o := range a.objects[uid].Owners {
		if o.UID != owner {
			changed.Owners = append(changed.Owners, o)
		}
	}
	a.trace = append(a.trace, fmt.Sprintf("drop %s from %s", owner, uid))
	a.put(&changed)
}

func (a *api) unblock(uid, owner types.UID) {
	changed := *a.objects[uid]
	changed.Owners = append([]Owner(nil), changed.Owners...)
	for i := range changed.Owners {
		if changed.Owners[i].UID == owner {
			changed.Owners[i].Blocks = false
		}
	}
	a.trace = append(a.trace, fmt.Sprintf("unblock %s by %s", owner, uid))
	a.put(&changed)
}

// step collects one object, as the controller does.
func (a *api) step(ref Ref) (Plan, *Object) {
	delete(a.queue, ref)
	o := a.graph.objects[ref.UID]
	if o == nil {
		return Plan{}, nil
	}
	var standings []Standing
	for _, owner := range o.Owners {
		standing := a.graph.standing(owner)
		if standing == Unseen { // what a GET would say
			a.graph.SetAbsent(owner.Ref)
			standing = Absent
		}
		standings = append(standings, standing)
	}
	var dependents []*Object
	for _, d := range a.graph.dependents[ref.UID] {
		dependents = append(dependents, d)
	}
	plan := PlanObject(o, standings, dependents)
	switch {
	case len(plan.Unblock) > 0:
		for _, uid := range plan.Unblock {
			a.unblock(o.UID, uid)
		}
	case plan.Delete != "":
		a.delete(o.UID, plan.Delete)
	case len(plan.Drop) > 0:
		for _, uid := range plan.Drop {
			a.withoutOwner(o.UID, uid)
		}
	default:
		for _, d := range plan.Orphan {
			a.withoutOwner(d.UID, o.UID)
		}
		if plan.Release != "" {
			a.remove(o.UID)
		}
	}
	return plan, o
}

func newAPI(objects ...*Object) *api {
	a := &api{graph: NewGraph(), objects: map[types.UID]*Object{}, queue: map[Ref]bool{}}
	for _, o := range objects {
		a.put(o)
	}
	return a
}

// TestCollects draws any owners, circles included, and any deletions; it checks each step, and what is left in the end.
func TestCollects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c", "d", "e", "f"}
		var objects []*Object
		for _, name := range names {
			o := object(name)
			for _, of := range rapid.SliceOfNDistinct(rapid.SampledFrom(append(names, "nobody")), 0, 2, rapid.ID[string]).Draw(t, "owners of "+name) {
				if of != name {
					o.Owners = append(o.Owners, Owner{Ref: refOf(of), Blocks: rapid.Bool().Draw(t, "blocks")})
				}
			}
			objects = append(objects, o)
		}
		a := newAPI(rapid.Permutation(objects).Draw(t, "order")...)
		for range rapid.IntRange(0, 3).Draw(t, "deletions") {
			uid := types.UID(rapid.SampledFrom(names).Draw(t, "delete"))
			if o := a.objects[uid]; o != nil && !o.Deleting {
				a.delete(uid, rapid.SampledFrom([]metav1.DeletionPropagation{
					metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan,
				}).Draw(t, "how"))
			}
			for range rapid.IntRange(0, 3).Draw(t, "steps") {
				a.next(t)
			}
		}
		for i := 0; len(a.queue) > 0; i++ {
			if i > 1000 {
				t.Fatalf("no end: %v", a.trace)
			}
			a.next(t)
		}
		a.check(t)
	})
}

// next takes any queued object, and checks what is done with it.
func (a *api) next(t *rapid.T) {
	if len(a.queue) == 0 {
		return
	}
	var queued []*Object
	for ref := range a.queue {
		queued = append(queued, &Object{Ref: ref})
	}
	ref := rapid.SampledFrom(sorted(queued)).Draw(t, "next")
	before := map[types.UID]*Object{}
	for uid, o := range a.objects {
		before[uid] = o
	}
	plan, o := a.step(ref)
	if plan.Delete != "" {
		for _, owner := range o.Owners {
			if of := before[owner.UID]; of != nil && !of.leavingForeground() {
				t.Fatalf("%s deleted, but its owner %s is there: %v", o.Name, owner.Name, a.trace)
			}
		}
	}
	if plan.Release == metav1.FinalizerDeleteDependents {
		for _, d := range before {
			if blocks(d, o.UID) {
				t.Fatalf("%s let go before %s: %v", o.Name, d.Name, a.trace)
			}
		}
	}
}

// check that nothing waits for ever, and nothing refers to what is gone.
func (a *api) check(t *rapid.T) {
	for uid, o := range a.objects {
		if o.Deleting {
			t.Fatalf("%s never goes: %v", uid, a.trace)
		}
		for _, owner := range o.Owners {
			if a.objects[owner.UID] == nil {
				t.Fatalf("%s still refers to %s: %v", uid, owner.UID, a.trace)
			}
		}
	}
	for uid := range a.graph.absent {
		if len(a.graph.dependents[uid]) == 0 {
			t.Fatalf("%s is remembered in vain", uid)
		}
	}
}
