package apiserver

import (
	"context"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// startServer runs a server on the directory until stop is called, at the latest at the end of the test.
func startServer(t *testing.T, dir string, nodes NodeDialer) (server *Server, stop func()) {
	t.Helper()
	return startServerWith(t, Options{DataDir: dir, Nodes: nodes})
}

func startServerWith(t *testing.T, options Options) (server *Server, stop func()) {
	t.Helper()
	var err error
	if options.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	server, err = New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("server ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("server did not stop within 10 s")
		}
	}
	t.Cleanup(stop)
	eventually(t, "server is ready", func() bool { return server.Ready() })
	return server, stop
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 5*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) { return condition(), nil })
	if err != nil {
		t.Fatalf("waited in vain until %s", what)
	}
}

func configMap(name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}, Data: map[string]string{"key": "value"}}
}

func TestKubeconfigReachesTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, _ := startServer(t, dir, nil)
	if info, err := os.Stat(server.KubeconfigPath()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("kubeconfig: mode %v, error %v; want 0600", info.Mode(), err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", server.KubeconfigPath())
	if err != nil {
		t.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(config)
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if version.GitVersion != Version() {
		t.Errorf("version %q, want %q", version.GitVersion, Version())
	}
	for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		if _, err := client.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{}); err != nil {
			t.Errorf("namespace %s: %v", name, err)
		}
	}
	service, err := client.CoreV1().Services("default").Get(t.Context(), "kubernetes", metav1.GetOptions{})
	if err != nil || service.Spec.ClusterIP != "10.96.0.1" {
		t.Errorf("service kubernetes: %v, error %v; want cluster IP 10.96.0.1", service.Spec.ClusterIP, err)
	}
}

func TestStrangersSeeOnlyHealth(t *testing.T) {
	t.Parallel()
	server, _ := startServer(t, t.TempDir(), nil)
	config := &rest.Config{Host: "https://" + server.options.Listener.Addr().String(), TLSClientConfig: rest.TLSClientConfig{CAData: server.CA()}}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/readyz": http.StatusOK, "/livez": http.StatusOK, "/api/v1/secrets": http.StatusUnauthorized, "/metrics": http.StatusUnauthorized} {
		response, err := client.Get(config.Host + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("GET %s: status %d, want %d", path, response.StatusCode, want)
		}
	}
}

func TestObjectsOutliveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, stop := startServer(t, dir, nil)
	if _, err := server.Client().CoreV1().ConfigMaps("default").Create(t.Context(), configMap("kept"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ca := string(server.CA())
	stop()
	server, _ = startServer(t, dir, nil)
	if _, err := server.Client().CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	if string(server.CA()) != ca {
		t.Error("the certificate authority changed with a restart: every kubeconfig that was copied is void")
	}
}

func TestNamespaceGoesWhenFinalized(t *testing.T) {
	t.Parallel()
	server, _ := startServer(t, t.TempDir(), nil)
	namespaces := server.Client().CoreV1().Namespaces()
	if _, err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := namespaces.Delete(t.Context(), "shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	namespace, err := namespaces.Get(t.Context(), "shop", metav1.GetOptions{})
	if err != nil {
		t.Fatalf("a namespace with finalizers is gone at once: %v", err)
	}
	if namespace.Status.Phase != corev1.NamespaceTerminating || namespace.DeletionTimestamp == nil {
		t.Errorf("phase %s, deleted at %v; want Terminating with a time", namespace.Status.Phase, namespace.DeletionTimestamp)
	}
	eventually(t, "creation in a terminating namespace is refused", func() bool {
		object := configMap("late")
		object.Namespace = "shop"
		_, err := server.Client().CoreV1().ConfigMaps("shop").Create(t.Context(), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
	})
	namespace.Spec.Finalizers = nil
	if _, err := namespaces.Finalize(t.Context(), namespace, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := namespaces.Get(t.Context(), "shop", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("after finalize: error %v, want not found", err)
	}
}

func TestWatchThroughTheHandlerChain(t *testing.T) {
	t.Parallel()
	server, _ := startServer(t, t.TempDir(), nil)
	client := kubernetes.NewForConfigOrDie(server.RESTConfig())
	watch, err := client.CoreV1().ConfigMaps("default").Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().ConfigMaps("default").Create(t.Context(), configMap("seen"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	event := <-watch.ResultChan()
	if seen, ok := event.Object.(*corev1.ConfigMap); !ok || seen.Name != "seen" {
		t.Errorf("watched %v, want ConfigMap seen", event)
	}
	watch.Stop()
	for range watch.ResultChan() { // ends, once what was under way is through
	}
}
