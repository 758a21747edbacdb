package apiserver

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
	"k8s.io/utils/ptr"
)

// busyNode is a node "here" whose Pods web and redis use half a core each; others are away.
func busyNode(t *testing.T) NodeDialer {
	began := time.Now().Add(-time.Hour)
	container := func(name string) string {
		now := time.Now()
		return fmt.Sprintf(`{"name":%q,"startTime":%q,"cpu":{"time":%q,"usageCoreNanoSeconds":%d},"memory":{"workingSetBytes":2097152}}`,
			name, began.Format(time.RFC3339Nano), now.Format(time.RFC3339Nano), now.Sub(began)/2)
	}
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stats/summary" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"node":{"nodeName":"here"},"pods":[
			{"podRef":{"name":"web","namespace":"default"},"containers":[%s,%s]},
			{"podRef":{"name":"redis","namespace":"default"},"containers":[%s]}]}`, container("web"), container("log"), container("redis"))
	}))
	t.Cleanup(node.Close)
	return func(ctx context.Context, name string) (net.Conn, error) {
		if name != "here" {
			return nil, fmt.Errorf("not connected")
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", node.Listener.Addr().String())
	}
}

func TestFiguresOfPodsAndNodes(t *testing.T) {
	t.Parallel()
	server, _ := startServer(t, Options{DataDir: t.TempDir(), Nodes: busyNode(t)}) // its own: it lists all nodes
	client := server.Client()
	for _, name := range []string{"here", "away"} {
		if _, err := client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for name, node := range map[string]string{"web": "here", "redis": "here", "lost": "away", "pending": ""} {
		object := pod(name)
		object.Spec.NodeName, object.Labels = node, map[string]string{"app": name}
		if _, err := client.CoreV1().Pods("default").Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	server.Informers().StartWithContext(t.Context())
	figures := metricsclient.NewForConfigOrDie(server.RESTConfig())
	eventually(t, "both Pods have figures", func() bool {
		list, err := figures.PodMetricses("").List(t.Context(), metav1.ListOptions{})
		return err == nil && len(list.Items) == 2
	})

	web, err := figures.PodMetricses("default").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(web.Containers) != 2 || web.Containers[0].Name != "log" || web.Labels["app"] != "web" || web.Window.Duration <= 0 {
		t.Errorf("got %+v", web)
	}
	used := web.Containers[1].Usage
	if milli := used.Cpu().MilliValue(); milli < 490 || milli > 510 || used.Memory().String() != "2Mi" {
		t.Errorf("web uses %s and %s, want half a core and 2Mi", used.Cpu(), used.Memory())
	}
	chosen, err := figures.PodMetricses("default").List(t.Context(), metav1.ListOptions{LabelSelector: "app=redis"})
	if err != nil || len(chosen.Items) != 1 || chosen.Items[0].Name != "redis" {
		t.Errorf("with app=redis: %+v, error %v", chosen, err)
	}
	named, err := figures.PodMetricses("").List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=web"})
	if err != nil || len(named.Items) != 1 || named.Items[0].Name != "web" {
		t.Errorf("with metadata.name=web: %+v, error %v", named, err)
	}
	_, err = figures.PodMetricses("default").Get(t.Context(), "lost", metav1.GetOptions{})
	if want := `podmetrics.metrics.k8s.io "default/lost" not found`; err == nil || err.Error() != want {
		t.Errorf("a Pod without figures: error %v, want %s", err, want)
	}
	nodes, err := figures.NodeMetricses().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(nodes.Items) != 1 || nodes.Items[0].Usage.Memory().String() != "6Mi" {
		t.Errorf("nodes: %+v, error %v; want one with 6Mi", nodes, err)
	}
	table, err := client.Discovery().RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/redis").
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(t.Context())
	if err != nil || !strings.Contains(string(table), `"cells":["redis","`) {
		t.Errorf("table %s, error %v", table, err)
	}
}

// What one version writes, the other shows; and a status is nobody's to write with the rest.
func TestBothVersionsOfAutoscalersAreOneObject(t *testing.T) {
	server := newSpace(t)
	client := kubernetes.NewForConfigOrDie(server.RESTConfig())
	v1, v2 := client.AutoscalingV1().HorizontalPodAutoscalers(server.namespace), client.AutoscalingV2().HorizontalPodAutoscalers(server.namespace)
	created, err := v1.Create(t.Context(), &autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv1.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
		MaxReplicas:    15, TargetCPUUtilizationPercentage: ptr.To[int32](80),
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	same, err := v2.Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if same.UID != created.UID || len(same.Spec.Metrics) != 1 || *same.Spec.Metrics[0].Resource.Target.AverageUtilization != 80 || *same.Spec.MinReplicas != 1 {
		t.Errorf("v2 shows %+v", same)
	}
	same.Status.CurrentReplicas = 3
	same.Spec.MaxReplicas = 20
	if _, err := v2.UpdateStatus(t.Context(), same, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := v1.Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil || got.Status.CurrentReplicas != 3 || got.Spec.MaxReplicas != 15 {
		t.Errorf("v1 shows %+v, error %v; want 3 replicas of at most 15", got, err)
	}
	groups, err := client.Discovery().ServerGroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range groups.Groups {
		if group.Name == "autoscaling" && group.PreferredVersion.Version != "v2" {
			t.Errorf("%s is preferred, want v2", group.PreferredVersion.Version)
		}
	}
}
