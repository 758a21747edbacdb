package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// A node that answers with what it was asked.
func echoNode(t *testing.T) NodeDialer {
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "waiting") {
			http.Error(w, `container "web" in pod "waiting" is waiting to start: ContainerCreating`, http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%s?%s", r.URL.Path, r.URL.Query().Encode())
	}))
	t.Cleanup(node.Close)
	return func(ctx context.Context, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", node.Listener.Addr().String())
	}
}

func TestLogsComeFromThePodsNode(t *testing.T) {
	server := newSpace(t)
	here, gone := server.named("here"), server.named("gone")
	server.addNode(t, here, echoNode(t))
	server.addNode(t, gone, func(context.Context, string) (net.Conn, error) { return nil, errors.New("not connected") })
	pods := server.Client().CoreV1().Pods(server.namespace)
	for name, node := range map[string]string{"web": here, "waiting": here, "lost": gone, "two": here, "pending": ""} {
		object := pod(name)
		object.Spec.NodeName = node
		if name == "two" {
			object.Spec.Containers = append(object.Spec.Containers, corev1.Container{Name: "redis", Image: "redis"})
		}
		if _, err := pods.Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	remote := kubernetes.NewForConfigOrDie(server.RESTConfig()).CoreV1().Pods(server.namespace)
	logs := func(name string, options *corev1.PodLogOptions) (string, error) {
		stream, err := remote.GetLogs(name, options).Stream(t.Context())
		if err != nil {
			return "", err
		}
		defer stream.Close()
		text, err := io.ReadAll(stream)
		return string(text), err
	}
	text, err := logs("web", &corev1.PodLogOptions{Previous: true, TailLines: ptr.To[int64](5), Timestamps: true})
	if want := "/containerLogs/" + server.namespace + "/web/web?previous=true&tailLines=5&timestamps=true"; err != nil || text != want {
		t.Errorf("logs %q, error %v; want the node asked for %q", text, err, want)
	}
	if text, err = logs("pending", &corev1.PodLogOptions{}); err != nil || text != "" {
		t.Errorf("logs of a Pod without a node: %q, error %v; want none", text, err)
	}
	for name, want := range map[string]string{
		"waiting": "is waiting to start: ContainerCreating",
		"two":     "a container name must be specified for pod two, choose one of: [web redis]",
		"lost":    "reach node " + gone + ": not connected",
	} {
		if _, err := logs(name, &corev1.PodLogOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("logs of %s: error %v, want %q", name, err, want)
		}
	}
	if _, err := logs("web", &corev1.PodLogOptions{SinceSeconds: ptr.To[int64](-1)}); !apierrors.IsInvalid(err) {
		t.Errorf("sinceSeconds -1: error %v, want invalid", err)
	}
}
