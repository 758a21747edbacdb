package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile"
	"coracle.dev/coracle/reconcile/api"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
	"coracle.dev/coracle/reconcile/apiserver"
	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/deployment"
	"coracle.dev/coracle/reconcile/controller/replicaset"
)

// shared is one API server with its controllers for all tests of the package, each of which has a namespace of its own.
var shared struct {
	once   sync.Once
	server *apiserver.Server
	err    error
	stop   func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.stop != nil {
		shared.stop()
	}
	os.Exit(code)
}

func sharedServer(t testing.TB) *apiserver.Server {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.stop, shared.err = startServer() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// startServer runs the API server, the Deployment and ReplicaSet controllers, and something that makes Pods ready at once.
func startServer() (*apiserver.Server, func(), error) {
	dir, err := os.MkdirTemp("", "coracle-reconcile-")
	if err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	server, err := apiserver.New(ctx, apiserver.Options{DataDir: dir, Listener: listener})
	if err != nil {
		cancel()
		return nil, nil, err
	}
	options := controller.Options{Client: server.Client(), Informers: server.Informers(), Recorder: &record.FakeRecorder{},
		Clock: clock.RealClock{}, Logger: zerolog.Nop()}
	deployments, replicaSets := deployment.New(options), replicaset.New(options)
	if _, err := server.Informers().Core().V1().Pods().Informer().AddEventHandler(podStarter(ctx, server.Client())); err != nil {
		cancel()
		return nil, nil, err
	}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Run(ctx) })
	running.Go(func() { _ = deployments.Run(ctx, 2) })
	running.Go(func() { _ = replicaSets.Run(ctx, 2) })
	err = wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) { return server.Ready(), nil })
	return server, func() {
		cancel()
		running.Wait()
		_ = os.RemoveAll(dir)
	}, err
}

// podStarter says that each new Pod runs and is ready, but for images that are called "broken".
func podStarter(ctx context.Context, client kubernetes.Interface) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{AddFunc: func(object any) {
		pod := object.(*corev1.Pod).DeepCopy()
		if pod.Status.Phase == corev1.PodRunning {
			return
		}
		now := metav1.Now()
		container := pod.Spec.Containers[0]
		if strings.HasPrefix(container.Image, "broken") {
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: container.Name, Image: container.Image,
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image: " + container.Image}}}}
		} else {
			pod.Status.Phase, pod.Status.StartTime = corev1.PodRunning, &now
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: now}}
		}
		_, _ = client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	}}
}

// world is one Application of a test, its source, and a loop that works on it.
type world struct {
	testing.TB
	client    kubernetes.Interface
	dynamic   dynamic.Interface
	cluster   *reconcile.Cluster
	namespace string
	source    *scriptedSource
	writes    *writeCounter
	stopLoop  func()
}

// newWorld makes a namespace with the name of the test and an Application "app" in it. The loop starts with start.
func newWorld(t testing.TB) *world {
	t.Helper()
	if test, ok := t.(*testing.T); ok {
		test.Parallel()
	}
	server := sharedServer(t)
	w := &world{TB: t, client: server.Client(), source: &scriptedSource{}, writes: &writeCounter{},
		namespace: "t-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()[4:]))}
	config := server.RESTConfig()
	config.QPS = -1
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { w.writes.next = next; return w.writes })
	w.dynamic = dynamic.NewForConfigOrDie(config)
	w.cluster = reconcile.NewCluster(w.dynamic, discovery.NewDiscoveryClientForConfigOrDie(rest.CopyConfig(config)))
	if _, err := w.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.stopLoop = func() {}
	t.Cleanup(func() {
		w.stopLoop()
		_ = w.dynamic.Resource(v1alpha1.ApplicationResource).Namespace(w.namespace).Delete(context.Background(), "app", metav1.DeleteOptions{})
	})
	return w
}

// start creates the Application, if it is not there, and runs a loop.
func (w *world) start() {
	w.Helper()
	body := fmt.Sprintf(`{"apiVersion":"coracle.dev/v1alpha1","kind":"Application","metadata":{"name":"app"},
		"spec":{"source":{"repo":"script"},"namespace":%q}}`, w.namespace)
	w.patchApplication("application/apply-patch+yaml", body)
	loop := reconcile.New(reconcile.Options{
		Client: w.dynamic, Cluster: w.cluster, Namespace: w.namespace, Scheme: api.Scheme, Log: zerolog.New(zerolog.NewTestWriter(w.TB)),
		NewSource: func(*v1alpha1.Application) (gitsource.Source, error) { return w.source, nil },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := loop.Run(ctx); err != nil {
			w.Errorf("loop ended with %v", err)
		}
	}()
	w.stopLoop = func() {
		cancel()
		<-ended
	}
}

// writeCounter counts requests that change something, but for Events and the Application itself.
type writeCounter struct {
	next   http.RoundTripper
	broken atomic.Pointer[string] // the error of every write, if it is set
	mu     sync.Mutex
	seen   []string
}

func (c *writeCounter) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method != http.MethodGet && !strings.Contains(request.URL.Path, "/events") && !strings.Contains(request.URL.Path, "/applications/") {
		if broken := c.broken.Load(); broken != nil {
			return nil, errors.New(*broken)
		}
		c.mu.Lock()
		c.seen = append(c.seen, request.Method+" "+request.URL.RequestURI())
		c.mu.Unlock()
	}
	return c.next.RoundTrip(request)
}

// take returns what was written since the last call.
func (c *writeCounter) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.seen
	c.seen = nil
	return seen
}
