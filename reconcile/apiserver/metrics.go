package apiserver

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	genericserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/informers"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"k8s.io/utils/clock"

	usage "coracle.dev/coracle/reconcile/metrics"
)

// newScraper asks the nodes that there are what runs on them uses.
func newScraper(nodes nodes, factory informers.SharedInformerFactory, resolution time.Duration) *usage.Scraper {
	lister := factory.Core().V1().Nodes().Lister()
	return usage.NewScraper(usage.Options{
		Nodes: func() []string {
			all, _ := lister.List(labels.Everything()) // a cache does not fail
			names := make([]string, len(all))
			for i, node := range all {
				names[i] = node.Name
			}
			return names
		},
		Transport:  func(node string) http.RoundTripper { return nodes.transport(node) },
		Clock:      clock.RealClock{},
		Resolution: resolution,
	})
}

// metricsGroup is metrics.k8s.io. It makes the scraper that Run runs.
func (s *Server) metricsGroup() []*genericserver.APIGroupInfo {
	s.scraper = newScraper(nodes{s.options.Nodes}, s.informers, s.options.MetricsResolution)
	return groupInfos(map[schema.GroupVersion]map[string]rest.Storage{
		metricsv1beta1.SchemeGroupVersion: metricsStorage(s.scraper, s.informers),
	})
}

// metricsStorage is metrics.k8s.io/v1beta1: what Pods and nodes use, as metrics-server tells it.
func metricsStorage(scraper *usage.Scraper, factory informers.SharedInformerFactory) map[string]rest.Storage {
	pods, nodes := factory.Core().V1().Pods(), factory.Core().V1().Nodes()
	return map[string]rest.Storage{
		"pods": &metricsREST{
			resource: metricsv1beta1.Resource("pods"), singular: "podmetrics", namespaced: true,
			one:    func() runtime.Object { return &metricsv1beta1.PodMetrics{} },
			many:   func() runtime.Object { return &metricsv1beta1.PodMetricsList{} },
			synced: pods.Informer().HasSynced, await: scraper.Await,
			list: func(namespace string, selector labels.Selector) ([]runtime.Object, error) {
				all, err := pods.Lister().Pods(namespace).List(selector)
				return objectsOf(all, func(pod *corev1.Pod) runtime.Object { return podMetrics(scraper, pod) }), err
			},
			get: func(namespace, name string) (runtime.Object, error) {
				pod, err := pods.Lister().Pods(namespace).Get(name)
				if err != nil {
					return nil, err
				}
				return podMetrics(scraper, pod), nil
			},
		},
		"nodes": &metricsREST{
			resource: metricsv1beta1.Resource("nodes"), singular: "nodemetrics",
			one:    func() runtime.Object { return &metricsv1beta1.NodeMetrics{} },
			many:   func() runtime.Object { return &metricsv1beta1.NodeMetricsList{} },
			synced: nodes.Informer().HasSynced, await: scraper.Await,
			list: func(_ string, selector labels.Selector) ([]runtime.Object, error) {
				all, err := nodes.Lister().List(selector)
				return objectsOf(all, func(node *corev1.Node) runtime.Object { return nodeMetrics(scraper, node) }), err
			},
			get: func(_, name string) (runtime.Object, error) {
				node, err := nodes.Lister().Get(name)
				if err != nil {
					return nil, err
				}
				return nodeMetrics(scraper, node), nil
			},
		},
	}
}

// objectsOf leaves out those that have no figures.
func objectsOf[T metav1.Object](all []T, figures func(T) runtime.Object) []runtime.Object {
	slices.SortFunc(all, func(a, b T) int {
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	var objects []runtime.Object
	for _, one := range all {
		if object := figures(one); object != nil {
			objects = append(objects, object)
		}
	}
	return objects
}

// podMetrics is nil where there are none yet. Its window and time are those of the container that was looked at first.
func podMetrics(scraper *usage.Scraper, pod *corev1.Pod) runtime.Object {
	containers, known := scraper.Pod(pod.Spec.NodeName, pod.Namespace, pod.Name)
	if !known {
		return nil
	}
	figures := &metricsv1beta1.PodMetrics{ObjectMeta: metav1.ObjectMeta{
		Name: pod.Name, Namespace: pod.Namespace, Labels: pod.Labels, CreationTimestamp: metav1.Now(),
	}}
	for name, used := range containers {
		if figures.Timestamp.IsZero() || used.Time.Before(figures.Timestamp.Time) {
			figures.Timestamp, figures.Window = metav1.NewTime(used.Time), metav1.Duration{Duration: used.Window}
		}
		figures.Containers = append(figures.Containers, metricsv1beta1.ContainerMetrics{Name: name, Usage: amounts(used)})
	}
	slices.SortFunc(figures.Containers, func(a, b metricsv1beta1.ContainerMetrics) int { return strings.Compare(a.Name, b.Name) })
	return figures
}

func nodeMetrics(scraper *usage.Scraper, node *corev1.Node) runtime.Object {
	used, known := scraper.Node(node.Name)
	if !known {
		return nil
	}
	return &metricsv1beta1.NodeMetrics{
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, Labels: node.Labels, CreationTimestamp: metav1.Now()},
		Timestamp:  metav1.NewTime(used.Time), Window: metav1.Duration{Duration: used.Window}, Usage: amounts(used),
	}
}

// amounts are in the notation of metrics-server: "1250000n" and "20480Ki".
func amounts(used usage.Usage) corev1.ResourceList {
	cpu := resource.NewScaledQuantity(int64(used.NanoCores), resource.Nano)
	memory := resource.NewQuantity(int64(used.Bytes)&^1023, resource.BinarySI)
	return corev1.ResourceList{corev1.ResourceCPU: *cpu, corev1.ResourceMemory: *memory}
}

// metricsREST is one resource of metrics.k8s.io. It is made when it is read.
type metricsREST struct {
	resource   schema.GroupResource
	singular   string
	namespaced bool
	one, many  func() runtime.Object
	synced     func() bool
	await      func(ctx context.Context) error
	list       func(namespace string, selector labels.Selector) ([]runtime.Object, error)
	// get gives nil for what is there and has no figures.
	get func(namespace, name string) (runtime.Object, error)
}

var (
	_ rest.Getter               = &metricsREST{}
	_ rest.Lister               = &metricsREST{}
	_ rest.SingularNameProvider = &metricsREST{}
)

func (m *metricsREST) New() runtime.Object     { return m.one() }
func (m *metricsREST) NewList() runtime.Object { return m.many() }
func (m *metricsREST) NamespaceScoped() bool   { return m.namespaced }
func (m *metricsREST) GetSingularName() string { return m.singular }

// Destroy does nothing: there is no storage.
func (m *metricsREST) Destroy() {}

func (m *metricsREST) ready(ctx context.Context) error {
	if !m.synced() {
		return apierrors.NewServiceUnavailable("the figures are not there yet: the server has just started")
	}
	if err := m.await(ctx); err != nil {
		return apierrors.NewTimeoutError(err.Error(), 1)
	}
	return nil
}

func (m *metricsREST) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	if err := m.ready(ctx); err != nil {
		return nil, err
	}
	namespace, _ := request.NamespaceFrom(ctx)
	found, err := m.get(namespace, name)
	if apierrors.IsNotFound(err) || err == nil && found == nil {
		if m.namespaced {
			name = namespace + "/" + name
		}
		return nil, apierrors.NewNotFound(schema.GroupResource{Group: m.resource.Group, Resource: m.singular}, name)
	}
	return found, err
}

func (m *metricsREST) List(ctx context.Context, options *metainternalversion.ListOptions) (runtime.Object, error) {
	if err := m.ready(ctx); err != nil {
		return nil, err
	}
	selector, matching := labels.Everything(), fields.Everything()
	if options != nil && options.LabelSelector != nil {
		selector = options.LabelSelector
	}
	if options != nil && options.FieldSelector != nil {
		matching = options.FieldSelector
	}
	namespace, _ := request.NamespaceFrom(ctx)
	found, err := m.list(namespace, selector)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	found = slices.DeleteFunc(found, func(object runtime.Object) bool {
		one, _ := meta.Accessor(object)
		return !matching.Matches(fields.Set{"metadata.name": one.GetName(), "metadata.namespace": one.GetNamespace()})
	})
	list := m.many()
	return list, meta.SetList(list, found)
}

var metricsColumns = []metav1.TableColumnDefinition{
	{Name: "Name", Type: "string", Format: "name", Description: "Name of what is measured."},
	{Name: "cpu", Type: "string", Description: "Cores in use, averaged over the window."},
	{Name: "memory", Type: "string", Description: "Memory in use that could not be reclaimed at once."},
	{Name: "Window", Type: "string", Description: "Time over which the CPU was looked at."},
}

func (m *metricsREST) ConvertToTable(_ context.Context, object, options runtime.Object) (*metav1.Table, error) {
	table := &metav1.Table{}
	if opt, ok := options.(*metav1.TableOptions); !ok || !opt.NoHeaders {
		table.ColumnDefinitions = metricsColumns
	}
	add := func(object runtime.Object) error {
		table.Rows = append(table.Rows, metricsRow(object))
		return nil
	}
	if meta.IsListType(object) {
		return table, meta.EachListItem(object, add)
	}
	return table, add(object)
}

func metricsRow(object runtime.Object) metav1.TableRow {
	var name string
	var window metav1.Duration
	var cpu, memory resource.Quantity
	switch figures := object.(type) {
	case *metricsv1beta1.PodMetrics:
		name, window = figures.Name, figures.Window
		for _, container := range figures.Containers {
			cpu.Add(*container.Usage.Cpu())
			memory.Add(*container.Usage.Memory())
		}
	case *metricsv1beta1.NodeMetrics:
		name, window, cpu, memory = figures.Name, figures.Window, *figures.Usage.Cpu(), *figures.Usage.Memory()
	}
	return metav1.TableRow{Cells: []any{name, cpu.String(), memory.String(), window.Duration.String()}, Object: runtime.RawExtension{Object: object}}
}
