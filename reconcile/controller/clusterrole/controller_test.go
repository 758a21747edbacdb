package clusterrole

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clocktesting "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/reconcile/controller"
)

// What is part of view becomes part of edit by way of view, however late it comes.
func TestRulesFollowTheirParts(t *testing.T) {
	client := fake.NewClientset(aggregating("view", "to-edit", "to-view"), aggregating("edit", "to-admin", "to-edit"), labelled("pods", "to-view", "pods"))
	factory := informers.NewSharedInformerFactory(client, 0)
	c := New(controller.Options{Client: client, Informers: factory, Clock: clocktesting.NewFakeClock(time.Unix(0, 0)), Logger: zerolog.Nop()})
	ctx, stop := context.WithCancel(context.Background())
	factory.Start(ctx.Done())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx, 2) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		factory.Shutdown()
	})
	roles := client.RbacV1().ClusterRoles()
	has := func(name string, count int) {
		t.Helper()
		err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
			role, err := roles.Get(ctx, name, metav1.GetOptions{})
			return err == nil && len(role.Rules) == count, nil
		})
		if err != nil {
			t.Fatalf("%s never had %d rules", name, count)
		}
	}
	has("edit", 1)
	if _, err := roles.Create(t.Context(), labelled("services", "to-view", "services"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	has("view", 2)
	has("edit", 2)
	if err := roles.Delete(t.Context(), "pods", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	has("edit", 1)
}
