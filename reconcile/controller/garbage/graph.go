package garbage

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Ref says which object, and where it is looked for.
type Ref struct {
	Kind      schema.GroupKind
	Namespace string // "" for those that are in none
	Name      string
	UID       types.UID
}

// String is for logs.
func (r Ref) String() string {
	if r.Namespace == "" {
		return fmt.Sprintf("%s %s", r.Kind, r.Name)
	}
	return fmt.Sprintf("%s %s/%s", r.Kind, r.Namespace, r.Name)
}

// Owner is an owner reference.
type Owner struct {
	Ref
	// Blocks means that the owner, deleted in the foreground, waits for this dependent.
	Blocks bool
	// Unverifiable is why nobody can say whether the owner exists: "" if one can.
	Unverifiable string
}

// Object is what is kept of an object. It is not changed once it is in a Graph.
type Object struct {
	Ref
	ResourceVersion string
	Owners          []Owner
	Deleting        bool
	Foreground      bool // has the finalizer foregroundDeletion
	Orphan          bool // has the finalizer orphan
}

// leavingForeground is whether the object waits for its dependents to go.
func (o *Object) leavingForeground() bool { return o.Deleting && o.Foreground }

// Graph holds all objects and who depends on whom. It is not safe for concurrent use.
type Graph struct {
	objects    map[types.UID]*Object
	dependents map[types.UID]map[types.UID]*Object // by the UID of the owner, which need not exist
	absent     map[types.UID]map[Ref]struct{}      // owners known to be gone, as long as somebody refers to them
}

// NewGraph returns an empty Graph.
func NewGraph() *Graph {
	return &Graph{
		objects:    map[types.UID]*Object{},
		dependents: map[types.UID]map[types.UID]*Object{},
		absent:     map[types.UID]map[Ref]struct{}{},
	}
}

// Put adds an object, or replaces what was known of it, and returns whom that concerns: in no order, some twice.
func (g *Graph) Put(object *Object) []Ref {
	old := g.objects[object.UID]
	g.objects[object.UID] = object
	if old != nil {
		g.unlink(old, object)
	}
	for _, owner := range object.Owners {
		if g.dependents[owner.UID] == nil {
			g.dependents[owner.UID] = map[types.UID]*Object{}
		}
		g.dependents[owner.UID][object.UID] = object
	}
	var concerned []Ref
	ownersChanged := old == nil || !slices.Equal(old.Owners, object.Owners)
	if ownersChanged && slices.ContainsFunc(object.Owners, func(o Owner) bool { return g.standing(o) != Solid }) ||
		object.Deleting && (object.Foreground || object.Orphan) {
		concerned = append(concerned, object.Ref)
	}
	if old != nil && ownersChanged {
		concerned = append(concerned, g.waiting(old.Owners)...)
	}
	if object.leavingForeground() && (old == nil || !old.leavingForeground()) {
		concerned = append(concerned, refs(g.dependents[object.UID])...)
	}
	return concerned
}

// Remove takes out an object that a watch has shown deleted, and returns whom that concerns, in no order.
func (g *Graph) Remove(uid types.UID) []Ref {
	object, known := g.objects[uid]
	if !known {
		return nil
	}
	delete(g.objects, uid)
	g.unlink(object, nil)
	g.SetAbsent(object.Ref)
	return append(refs(g.dependents[uid]), g.waiting(object.Owners)...)
}

// SetAbsent notes that there is no such object, as long as somebody refers to it.
func (g *Graph) SetAbsent(ref Ref) {
	if len(g.dependents[ref.UID]) == 0 {
		return
	}
	if g.absent[ref.UID] == nil {
		g.absent[ref.UID] = map[Ref]struct{}{}
	}
	g.absent[ref.UID][ref] = struct{}{}
}

// unlink drops the object from the dependents of the owners that its successor, which may be nil, does not have.
func (g *Graph) unlink(object, successor *Object) {
	for _, owner := range object.Owners {
		if successor != nil && slices.ContainsFunc(successor.Owners, func(o Owner) bool { return o.UID == owner.UID }) {
			continue
		}
		delete(g.dependents[owner.UID], object.UID)
		if len(g.dependents[owner.UID]) == 0 {
			delete(g.dependents, owner.UID)
			delete(g.absent, owner.UID)
		}
	}
}

// waiting are those of the owners that wait for dependents to go.
func (g *Graph) waiting(owners []Owner) []Ref {
	var waiting []Ref
	for _, owner := range owners {
		if object := g.objects[owner.UID]; object != nil && object.leavingForeground() {
			waiting = append(waiting, object.Ref)
		}
	}
	return waiting
}

// standing is what the Graph knows of an owner. One with the right UID but another name, kind or namespace is not the
// owner that is meant.
func (g *Graph) standing(owner Owner) Standing {
	if owner.Unverifiable != "" {
		return Unverifiable
	}
	if object := g.objects[owner.UID]; object != nil && object.Ref == owner.Ref {
		if object.leavingForeground() {
			return Leaving
		}
		return Solid
	}
	if _, gone := g.absent[owner.UID][owner.Ref]; gone {
		return Absent
	}
	return Unseen
}

func refs(objects map[types.UID]*Object) []Ref {
	list := make([]Ref, 0, len(objects))
	for _, object := range objects {
		list = append(list, object.Ref)
	}
	return list
}
