package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/rs/zerolog"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

// Options of a Loop. All but Namespace and Clock must be set.
type Options struct {
	// Client and Cluster reach the API that holds the Applications, which is also the one that they are applied to.
	Client  dynamic.Interface
	Cluster *Cluster
	// Scheme has the Go types and defaults of the kinds that are served.
	Scheme *runtime.Scheme
	// NewSource opens the source of an Application. The Loop closes it, and opens another when the spec changes.
	NewSource func(app *v1alpha1.Application) (gitsource.Source, error)
	// Namespace restricts the Loop to the Applications of one namespace; "" is all.
	Namespace string
	Log       zerolog.Logger
	Clock     clock.WithTicker // nil is the real one
}

// Loop keeps all Applications in sync.
type Loop struct {
	Options
	watches *watches
	events  record.EventRecorder
	life    context.Context // of Run

	mu           sync.Mutex
	applications map[types.NamespacedName]*application
	bySet        map[string]*application
	running      sync.WaitGroup
}

// New makes a Loop that does nothing until Run.
func New(options Options) *Loop {
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	l := &Loop{Options: options, applications: map[types.NamespacedName]*application{}, bySet: map[string]*application{}}
	l.watches = &watches{cluster: options.Cluster, changed: l.memberChanged}
	return l
}

// Run works until ctx ends, and returns nil once everything has stopped. It may be called once.
func (l *Loop) Run(ctx context.Context) error {
	recorder, stopEvents := newRecorder(l.Client)
	defer stopEvents()
	l.events, l.life = recorder, ctx

	informer := dynamicinformer.NewFilteredDynamicInformer(l.Client, v1alpha1.ApplicationResource, l.Namespace, 0, cache.Indexers{}, nil).Informer()
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { l.applicationChanged(ctx, object) },
		UpdateFunc: func(_, object any) { l.applicationChanged(ctx, object) },
		DeleteFunc: l.applicationDeleted,
	}); err != nil {
		return fmt.Errorf("watch applications: %w", err)
	}
	informer.Run(ctx.Done())
	l.running.Wait()
	return nil
}

func (l *Loop) applicationChanged(ctx context.Context, object any) {
	app, err := toApplication(object)
	if err != nil {
		l.Log.Error().Err(err).Msg("application cannot be read")
		return
	}
	key := types.NamespacedName{Namespace: app.Namespace, Name: app.Name}
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	one := l.applications[key]
	if one == nil {
		life, stop := context.WithCancel(ctx)
		one = newApplication(l, app, stop)
		l.applications[key], l.bySet[one.setID] = one, one
		l.running.Go(func() { one.run(life) })
	}
	one.pending.application(app)
}

// applicationDeleted stops an Application's work. What it applied stays: without an Application nothing says that it should go.
func (l *Loop) applicationDeleted(object any) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	named, ok := object.(metav1.Object)
	if !ok {
		return
	}
	key := types.NamespacedName{Namespace: named.GetNamespace(), Name: named.GetName()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.applications[key]; one != nil {
		delete(l.applications, key)
		delete(l.bySet, one.setID)
		one.stop()
	}
}

func (l *Loop) memberChanged(setID string, change memberChange) {
	l.mu.Lock()
	one := l.bySet[setID]
	l.mu.Unlock()
	if one != nil {
		one.pending.member(change)
	}
}

func toApplication(object any) (*v1alpha1.Application, error) {
	raw, ok := object.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("unexpected %T", object)
	}
	app := &v1alpha1.Application{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, app); err != nil {
		return nil, fmt.Errorf("decode application %s/%s: %w", raw.GetNamespace(), raw.GetName(), err)
	}
	return app, nil
}

// EnsureDefault makes the Application "default" in the namespace "default" say what the flags of `coracle serve` say.
func EnsureDefault(ctx context.Context, client dynamic.Interface, spec v1alpha1.ApplicationSpec) error {
	body, err := json.Marshal(map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": v1alpha1.ApplicationKind.Kind,
		"metadata": map[string]any{"name": "default", "namespace": metav1.NamespaceDefault}, "spec": spec,
	})
	if err != nil {
		return fmt.Errorf("encode application: %w", err)
	}
	force := true
	_, err = client.Resource(v1alpha1.ApplicationResource).Namespace(metav1.NamespaceDefault).Patch(ctx, "default", types.ApplyPatchType, body,
		metav1.PatchOptions{FieldManager: "coracle-serve", Force: &force, FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		return fmt.Errorf("apply application default: %w", err)
	}
	return nil
}
