package quota

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func from[T any](t *testing.T, text string) *T {
	t.Helper()
	obj := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return obj
}

// text is "cpu=1,pods=1".
func text(list corev1.ResourceList) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(list)) {
		quantity := list[name]
		parts = append(parts, string(name)+"="+quantity.String())
	}
	return strings.Join(parts, ",")
}

func TestUsage(t *testing.T) {
	const containers = "{containers: [{name: a, resources: {requests: {cpu: 100m, example.com/gpu: 2}, limits: {cpu: 1, memory: 1Gi}}}, " +
		"{name: b, resources: {requests: {cpu: 200m, hugepages-2Mi: 4Mi}}}], initContainers: [{name: i, resources: {requests: {memory: 8Mi}}}]}"
	const compute = "cpu=300m,hugepages-2Mi=4Mi,limits.cpu=1,limits.memory=1Gi,memory=8Mi,pods=1,requests.cpu=300m," +
		"requests.example.com/gpu=2,requests.hugepages-2Mi=4Mi,requests.memory=8Mi"
	pod := func(rest string) runtime.Object { return from[corev1.Pod](t, "{spec: "+containers+rest+"}") }
	service := func(spec string) runtime.Object { return from[corev1.Service](t, "{spec: {"+spec+"}}") }
	for name, test := range map[string]struct {
		resource schema.GroupResource
		obj      runtime.Object
		want     string
	}{
		"pod":               {pods, pod(""), "count/pods=1," + compute},
		"pod that failed":   {pods, pod(", status: {phase: Failed}"), "count/pods=1"},
		"pod that ended":    {pods, pod(", status: {phase: Succeeded}"), "count/pods=1"},
		"pod going":         {pods, pod(`, metadata: {deletionTimestamp: "2026-01-02T03:04:00Z", deletionGracePeriodSeconds: 30}`), "count/pods=1," + compute},
		"pod gone by now":   {pods, pod(`, metadata: {deletionTimestamp: "2026-01-02T03:03:00Z", deletionGracePeriodSeconds: 30}`), "count/pods=1"},
		"config map":        {schema.GroupResource{Resource: "configmaps"}, &metav1.PartialObjectMetadata{}, "configmaps=1,count/configmaps=1"},
		"deployment":        {schema.GroupResource{Group: "apps", Resource: "deployments"}, nil, "count/deployments.apps=1"},
		"service":           {services, service("ports: [{port: 1}]"), "count/services=1,services=1"},
		"node ports":        {services, service("type: NodePort, ports: [{port: 1}, {port: 2}]"), "count/services=1,services=1,services.nodeports=2"},
		"load balancer":     {services, service("type: LoadBalancer, ports: [{port: 1}, {port: 2}]"), "count/services=1,services=1,services.loadbalancers=1,services.nodeports=2"},
		"without its ports": {services, service("type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 1}, {port: 2, nodePort: 3}]"), "count/services=1,services=1,services.loadbalancers=1,services.nodeports=1"},
	} {
		meter := For(test.resource)
		used := meter.Usage(test.obj, now)
		if got := text(used); got != test.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, test.want)
		}
		for amount := range used {
			if !meter.Tracks(amount) {
				t.Errorf("%s: uses %s, and does not track it", name, amount)
			}
		}
	}
}

func TestMetersTrackOnlyWhatIsTheirs(t *testing.T) {
	for _, amount := range []corev1.ResourceName{"services", "count/pods.apps", "requests.storage", "example.com/gpu", "requests.kubernetes.io/x", "persistentvolumeclaims"} {
		if For(pods).Tracks(amount) {
			t.Errorf("Pods use %s", amount)
		}
	}
	if For(services).Tracks("pods") || For(schema.GroupResource{Resource: "secrets"}).Tracks("configmaps") {
		t.Error("one resource uses what is another's")
	}
}

func TestScopes(t *testing.T) {
	pod := from[corev1.Pod](t, "spec: {priorityClassName: high, activeDeadlineSeconds: 0, containers: [{name: a, resources: {requests: {cpu: 1}}}]}")
	plain := from[corev1.Pod](t, "spec: {containers: [{name: a}]}")
	elsewhere := from[corev1.Pod](t, "spec: {containers: [{name: a}], affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: x, namespaces: [y]}}]}}}")
	for spec, want := range map[string][3]bool{
		"{}":                                          {true, true, true},
		"scopes: [Terminating]":                       {true, false, false},
		"scopes: [NotTerminating]":                    {false, true, true},
		"scopes: [BestEffort]":                        {false, true, true},
		"scopes: [NotBestEffort]":                     {true, false, false},
		"scopes: [NotTerminating, BestEffort]":        {false, true, true},
		"scopes: [PriorityClass]":                     {true, false, false},
		"scopes: [CrossNamespacePodAffinity]":         {false, false, true},
		"scopes: [FromTheFuture]":                     {false, false, false},
		selector("PriorityClass", "In", "high"):       {true, false, false},
		selector("PriorityClass", "In", "low"):        {false, false, false},
		selector("PriorityClass", "NotIn", "high"):    {false, true, true},
		selector("PriorityClass", "NotIn", "low"):     {true, true, true},
		selector("PriorityClass", "Exists", ""):       {true, false, false},
		selector("PriorityClass", "DoesNotExist", ""): {false, true, true},
	} {
		quota := from[corev1.ResourceQuotaSpec](t, spec)
		for i, p := range []*corev1.Pod{pod, plain, elsewhere} {
			if got := For(pods).InScopes(p, quota); got != want[i] {
				t.Errorf("%s, Pod %d: %v", spec, i, got)
			}
		}
		if got := For(services).InScopes(&corev1.Service{}, quota); got != (spec == "{}") {
			t.Errorf("%s, Service: %v", spec, got)
		}
	}
}

func selector(scope, operator, values string) string {
	return "scopeSelector: {matchExpressions: [{scopeName: " + scope + ", operator: " + operator + ", values: [" + values + "]}]}"
}

func TestRequireNamesTheContainers(t *testing.T) {
	pod := from[corev1.Pod](t, `spec: {containers: [{name: b}, {name: a, resources: {limits: {cpu: 1}}}, {name: c, resources: {requests: {memory: 1}, limits: {cpu: 1}}}], initContainers: [{name: i, resources: {limits: {cpu: 1}, requests: {memory: 1}}}]}`)
	for bounded, want := range map[string]string{
		"pods limits.memory_":         "",
		"limits.cpu":                  "must specify limits.cpu for: b",
		"memory limits.cpu":           "must specify limits.cpu for: b; memory for: a,b",
		"pods ephemeral-storage":      "",
		"requests.example.com/gpu":    "",
		"requests.memory limits.cpu ": "must specify limits.cpu for: b; requests.memory for: a,b",
	} {
		var names []corev1.ResourceName
		for _, name := range strings.Fields(bounded) {
			names = append(names, corev1.ResourceName(name))
		}
		got := ""
		if err := For(pods).Require(names, pod); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", bounded, got, want)
		}
	}
}

func TestAddLeavesItsOperandAlone(t *testing.T) {
	a := *from[corev1.ResourceList](t, "{cpu: 100m}")
	b := *from[corev1.ResourceList](t, "{cpu: 1, memory: 1Gi}")
	Add(a, b)
	Add(a, b)
	if text(a) != "cpu=2100m,memory=2Gi" || text(b) != "cpu=1,memory=1Gi" {
		t.Errorf("sum %s of %s", text(a), text(b))
	}
	if Equal(a, b) || !Equal(*from[corev1.ResourceList](t, "{cpu: 1000m, memory: 1024Mi}"), b) || Equal(b, *from[corev1.ResourceList](t, "{cpu: 1, pods: 1}")) {
		t.Error("Equal")
	}
}
