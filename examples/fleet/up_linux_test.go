package fleet_test

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/examples/demo/repository"
	"coracle.dev/coracle/examples/fleet"
)

// All of a fleet comes up by itself: the nodes are ready, and a rollout of the demo's images is spread over them.
func TestUp(t *testing.T) {
	o := options(t)
	o.Machines = nil
	o.Serve = []string{"--repo", "/var/lib/shop.git", "--poll", "@every 1s"}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	f, err := fleet.New(o)
	check(t, err)
	check(t, f.Up(ctx))
	_, err = repository.Create(f.Disk(f.Server().Name)+"/shop.git", "v3", time.Now())
	check(t, err)
	client, err := f.Client()
	check(t, err)
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	check(t, err)
	if len(nodes.Items) != 3 {
		t.Errorf("%d nodes", len(nodes.Items))
	}
	for {
		web, err := client.AppsV1().Deployments("default").Get(ctx, "web", metav1.GetOptions{})
		if err == nil && web.Status.AvailableReplicas == 3 {
			break
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("web is not available: %v, %v", err, web)
		}
	}
	pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
	check(t, err)
	used := map[string]bool{}
	for _, pod := range pods.Items {
		used[pod.Spec.NodeName] = true
	}
	if len(used) < 2 {
		t.Errorf("web runs on %v", used)
	}
	if again, err := fleet.New(o); !errors.Is(err, fleet.ErrUp) || again == nil {
		t.Errorf("a second time: %v", err)
	}
}
