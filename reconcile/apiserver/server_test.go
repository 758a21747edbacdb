package apiserver

import (
	"net/http"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func TestKubeconfigReachesTheServer(t *testing.T) {
	server := newSpace(t)
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
	server := newSpace(t)
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

func keepsObjects(t *testing.T, server *Server) func(*testing.T, *Server) {
	if _, err := server.Client().CoreV1().ConfigMaps("default").Create(t.Context(), configMap("kept"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ca := string(server.CA())
	return func(t *testing.T, server *Server) {
		if _, err := server.Client().CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
			t.Errorf("after a restart: %v", err)
		}
		if string(server.CA()) != ca {
			t.Error("the certificate authority changed with a restart: every kubeconfig that was copied is void")
		}
	}
}

func TestNamespaceGoesWhenFinalized(t *testing.T) {
	server := newSpace(t)
	namespaces := server.Client().CoreV1().Namespaces()
	if err := namespaces.Delete(t.Context(), server.namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	namespace, err := namespaces.Get(t.Context(), server.namespace, metav1.GetOptions{})
	if err != nil {
		t.Fatalf("a namespace with finalizers is gone at once: %v", err)
	}
	if namespace.Status.Phase != corev1.NamespaceTerminating || namespace.DeletionTimestamp == nil {
		t.Errorf("phase %s, deleted at %v; want Terminating with a time", namespace.Status.Phase, namespace.DeletionTimestamp)
	}
	eventually(t, "creation in a terminating namespace is refused", func() bool {
		_, err := server.Client().CoreV1().ConfigMaps(server.namespace).Create(t.Context(), configMap("late"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
	})
	namespace.Spec.Finalizers = nil
	if _, err := namespaces.Finalize(t.Context(), namespace, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := namespaces.Get(t.Context(), server.namespace, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("after finalize: error %v, want not found", err)
	}
}

func TestWatchThroughTheHandlerChain(t *testing.T) {
	server := newSpace(t)
	client := kubernetes.NewForConfigOrDie(server.RESTConfig())
	watch, err := client.CoreV1().ConfigMaps(server.namespace).Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().ConfigMaps(server.namespace).Create(t.Context(), configMap("seen"), metav1.CreateOptions{}); err != nil {
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
