package node

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"coracle.dev/coracle/runtime/memory"
)

func TestExpand(t *testing.T) {
	values := map[string]string{"A": "1", "B": "$(A)"}
	for in, want := range map[string]string{
		"$(A)": "1", "x$(A)y$(A)": "x1y1", "$$(A)": "$(A)", "$$$(A)": "$1", "$(C)": "$(C)", "$(B)": "$(A)",
		"$": "$", "a$b": "a$b", "$(A": "$(A", "": "", "100%$": "100%$", "$()": "$()",
	} {
		if got := expand(in, values); got != want {
			t.Errorf("expand(%q) = %q, want %q", in, got, want)
		}
	}
}

// quietNode is a node for calls that need no Run.
func quietNode(t *testing.T, client *fake.Clientset) *Node {
	t.Helper()
	n, err := New(Options{Name: "n1", Engine: memory.New(memory.Options{}), Client: client, DataDir: t.TempDir(), TmpfsDir: t.TempDir(), InternalIP: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEnvironment(t *testing.T) {
	n := quietNode(t, fake.NewSimpleClientset(
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "settings"}, Data: map[string]string{"b": "2", "a": "1"}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "keys"}, Data: map[string][]byte{"token": []byte("s3cret")}},
	))
	n.ServiceHost, n.ServicePort = "192.0.2.1", "6443"
	pod := podOf("web", "web:v1")
	pod.Labels = map[string]string{"app": "web"}
	c := &pod.Spec.Containers[0]
	c.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1500m")}
	c.EnvFrom = []corev1.EnvFromSource{
		{Prefix: "S_", ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: ref("settings")}},
		{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: ref("none"), Optional: yes()}},
	}
	c.Env = []corev1.EnvVar{
		{Name: "PLAIN", Value: "x"},
		{Name: "FROM", Value: "$(PLAIN)-$(S_a)-$(LATER)"},
		{Name: "LATER", Value: "y"},
		{Name: "S_a", Value: "over"},
		{Name: "TOKEN", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: ref("keys"), Key: "token"}}},
		{Name: "NONE", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: ref("keys"), Key: "none", Optional: yes()}}},
		{Name: "IP", ValueFrom: field("status.podIP")},
		{Name: "HOST", ValueFrom: field("status.hostIP")},
		{Name: "NODE", ValueFrom: field("spec.nodeName")},
		{Name: "APP", ValueFrom: field("metadata.labels['app']")},
		{Name: "CPU", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"}}},
	}
	env, err := n.environment(context.Background(), pod, c, "10.9.0.2")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"KUBERNETES_SERVICE_HOST=192.0.2.1", "KUBERNETES_SERVICE_PORT=6443", "S_a=over", "S_b=2", "PLAIN=x", "FROM=x-1-$(LATER)",
		"LATER=y", "TOKEN=s3cret", "IP=10.9.0.2", "HOST=192.0.2.1", "NODE=n1", "APP=web", "CPU=2",
	}
	if diff := cmp.Diff(want, env.list()); diff != "" {
		t.Error(diff)
	}
}

func TestMissingEnvironmentInUpstreamsWords(t *testing.T) {
	n := quietNode(t, fake.NewSimpleClientset(
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "settings"}},
	))
	for want, from := range map[string]*corev1.EnvVarSource{
		`configmap "none" not found`:                        {ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: ref("none"), Key: "k"}},
		`secret "none" not found`:                           {SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: ref("none"), Key: "k"}},
		`couldn't find key k in ConfigMap default/settings`: {ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: ref("settings"), Key: "k"}},
	} {
		pod := podOf("web", "web:v1")
		pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "X", ValueFrom: from}}
		_, err := n.environment(context.Background(), pod, &pod.Spec.Containers[0], "")
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func ref(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }

func yes() *bool { b := true; return &b }

func field(path string) *corev1.EnvVarSource {
	return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
}
