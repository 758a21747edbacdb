package garbage

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/record"

	"coracle.dev/coracle/reconcile/controller"
)

// askAgain is when an owner that exists, but that no watch has shown, is asked for once more: it may have come and gone while
// the watch was broken.
const askAgain = 10 * time.Second

// Options of the collector. All fields must be set.
type Options struct {
	controller.Options
	// Metadata reads, deletes and patches objects of every kind.
	Metadata metadata.Interface
	// Sources are the served kinds, one version each. What is not among them is never deleted, and what it owns neither.
	Sources []Source
}

// Controller collects what nobody owns any more.
type Controller struct {
	metadata metadata.Interface
	recorder record.EventRecorder
	log      zerolog.Logger
	kinds    kinds
	loop     *controller.Loop[Ref]

	mu    sync.Mutex
	graph *Graph
}

// New makes the collector. It starts nothing.
func New(options Options) *Controller {
	c := &Controller{
		metadata: options.Metadata,
		recorder: options.Recorder,
		log:      options.Logger.With().Str("controller", "garbage").Logger(),
		kinds:    kinds{},
		graph:    NewGraph(),
	}
	for _, source := range options.Sources {
		c.kinds[source.groupKind()] = source
	}
	c.loop = controller.NewLoop("garbage", options.Options, c.collect)
	for _, source := range options.Sources {
		c.loop.Watch(source.Informer, c.events(source))
	}
	return c
}

// Run collects until ctx ends. It begins once all sources have shown what exists, so that no owner is missed.
func (c *Controller) Run(ctx context.Context, workers int) error { return c.loop.Run(ctx, workers) }

// events keeps the Graph, and queues whom a change concerns.
func (c *Controller) events(source Source) controller.Handler[metav1.Object] {
	put := func(object metav1.Object) {
		read := c.kinds.read(source, object)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.add(c.graph.Put(read))
	}
	return controller.Handler[metav1.Object]{
		Added:   put,
		Updated: func(_, object metav1.Object) { put(object) },
		Deleted: func(object metav1.Object) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.add(c.graph.Remove(object.GetUID()))
		},
	}
}

func (c *Controller) add(concerned []Ref) {
	for _, ref := range concerned {
		c.loop.Add(ref)
	}
}

// collect decides about one object and carries the decision out.
func (c *Controller) collect(ctx context.Context, ref Ref) (time.Duration, error) {
	object, standings, dependents := c.observe(ref.UID)
	if object == nil {
		return 0, nil
	}
	var after time.Duration
	for i, standing := range standings {
		switch {
		case object.Deleting:
		case standing == Unverifiable:
			c.log.Warn().Stringer("object", object.Ref).Str("reason", object.Owners[i].Unverifiable).Msg("owner cannot be verified")
		case standing == Unseen:
			var err error
			if standings[i], err = c.ask(ctx, object, object.Owners[i]); err != nil {
				return 0, err
			}
			after = askAgain
		}
	}
	return after, c.act(ctx, object, PlanObject(object, standings, dependents))
}

// observe is what the Graph says of an object; nil if it is gone.
func (c *Controller) observe(uid types.UID) (*Object, []Standing, []*Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	object := c.graph.objects[uid]
	if object == nil {
		return nil, nil, nil
	}
	standings := make([]Standing, len(object.Owners))
	for i, owner := range object.Owners {
		standings[i] = c.graph.standing(owner)
	}
	var dependents []*Object
	for _, dependent := range c.graph.dependents[uid] {
		dependents = append(dependents, dependent)
	}
	return object, standings, dependents
}

// ask reads an owner that no watch has shown. That there is none the Graph remembers.
func (c *Controller) ask(ctx context.Context, object *Object, owner Owner) (Standing, error) {
	found, err := c.resource(owner.Ref).Get(ctx, owner.Name, metav1.GetOptions{})
	switch {
	case err == nil && found.UID == owner.UID:
		if found.DeletionTimestamp != nil && slices.Contains(found.Finalizers, metav1.FinalizerDeleteDependents) {
			return Leaving, nil
		}
		return Solid, nil
	case err != nil && !apierrors.IsNotFound(err):
		return Unseen, fmt.Errorf("get owner %s: %w", owner.Ref, err)
	}
	c.mu.Lock()
	elsewhere := c.graph.objects[owner.UID]
	c.graph.SetAbsent(owner.Ref)
	c.mu.Unlock()
	if elsewhere != nil && elsewhere.Namespace != owner.Namespace {
		c.warnNamespace(object, owner)
	}
	return Absent, nil
}

// warnNamespace says on the dependent why it goes although somebody has the UID that it refers to.
func (c *Controller) warnNamespace(object *Object, owner Owner) {
	source := c.kinds[object.Kind]
	c.recorder.Eventf(&corev1.ObjectReference{
		APIVersion: source.GroupVersion().String(), Kind: source.Kind,
		Namespace: object.Namespace, Name: object.Name, UID: object.UID, ResourceVersion: object.ResourceVersion,
	}, corev1.EventTypeWarning, "OwnerRefInvalidNamespace",
		"ownerRef [%s, namespace: %s, name: %s, uid: %s] does not exist in namespace %q",
		owner.Kind, owner.Namespace, owner.Name, owner.UID, object.Namespace)
}

func (c *Controller) resource(ref Ref) metadata.ResourceInterface {
	source := c.kinds[ref.Kind]
	if source.Namespaced {
		return c.metadata.Resource(source.GroupVersionResource).Namespace(ref.Namespace)
	}
	return c.metadata.Resource(source.GroupVersionResource)
}
