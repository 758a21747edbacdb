package serviceaccount

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clocktesting "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/reconcile/controller"
)

// play runs the controller over one namespace until the test ends.
func play(t *testing.T) *fake.Clientset {
	client := fake.NewClientset(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}})
	factory := informers.NewSharedInformerFactory(client, 0)
	c := New(Options{
		Options: controller.Options{Client: client, Informers: factory, Clock: clocktesting.NewFakeClock(time.Unix(0, 0)), Logger: zerolog.Nop()},
		RootCA:  []byte("CA"),
	})
	ctx, stop := context.WithCancel(context.Background())
	factory.Start(ctx.Done())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx, 1) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		factory.Shutdown()
	})
	return client
}

// kept waits until the namespace has both, as they should be.
func kept(t *testing.T, client *fake.Clientset, namespace string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	err := wait.PollUntilContextCancel(ctx, time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, noAccount := client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		rootCA, noRootCA := client.CoreV1().ConfigMaps(namespace).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return noAccount == nil && noRootCA == nil && rootCA.Data["ca.crt"] == "CA", nil
	})
	if err != nil {
		t.Fatalf("namespace %s lacks one: %v", namespace, err)
	}
}

func TestKeepsBoth(t *testing.T) {
	client := play(t)
	core := client.CoreV1()
	kept(t, client, "ns")

	if err := core.ServiceAccounts("ns").Delete(t.Context(), "default", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	kept(t, client, "ns")

	if err := core.ConfigMaps("ns").Delete(t.Context(), "kube-root-ca.crt", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	kept(t, client, "ns")

	changed := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "kube-root-ca.crt", ResourceVersion: "9"}, Data: map[string]string{"ca.crt": "false"}}
	if err := client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("configmaps"), changed, "ns"); err != nil {
		t.Fatal(err)
	}
	kept(t, client, "ns")

	if _, err := core.Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "new"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	kept(t, client, "new")
}
