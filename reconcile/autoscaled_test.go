package reconcile_test

import (
	"context"
	"fmt"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

const autoscaler = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 9
`

func (w *world) replicas(want int32) func() string {
	return func() string {
		if n := *w.deployment("web").Spec.Replicas; n != want {
			return fmt.Sprintf("%d replicas, want %d", n, want)
		}
		return ""
	}
}

// scale writes as an autoscaler does, and then waits until the loop has answered a change of another field, which it saw later.
func (w *world) scale(replicas int32) {
	w.Helper()
	deployments := w.client.AppsV1().Deployments(w.namespace)
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error { // the Deployment's controller writes too
		scale, err := deployments.GetScale(context.Background(), "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		scale.Spec.Replicas = replicas
		_, err = deployments.UpdateScale(context.Background(), "web", scale, metav1.UpdateOptions{FieldManager: "horizontal-pod-autoscaler"})
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	w.patchDeployment("web", "kubectl-edit", `{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:bad"}]}}}}`)
	w.eventually(func() string { return image(w, "web:v1") })
}

func TestReplicasOfAnAutoscalerInTheTree(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.ready(w.source.commit("web", files{"web.yaml": web("web:v1", 3), "hpa.yaml": autoscaler}))
	w.eventually(w.replicas(3)) // what Git states counts once
	w.scale(5)
	w.eventually(w.replicas(5))
	w.scale(7)
	w.eventually(w.replicas(7))

	// A commit that changes something else changes no replicas; one that changes the replicas neither.
	w.ready(w.source.commit("four", files{"web.yaml": web("web:v1", 4), "hpa.yaml": autoscaler}))
	w.eventually(w.replicas(7))

	w.ready(w.source.commit("no autoscaler", files{"web.yaml": web("web:v1", 4)}))
	w.eventually(w.replicas(4))
}

func TestReplicasOfAnAutoscalerInTheAPI(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.ready(w.source.commit("web", files{"web.yaml": web("web:v1", 3)}))
	hpa := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}, MaxReplicas: 9,
	}}
	if _, err := w.client.AutoscalingV2().HorizontalPodAutoscalers(w.namespace).Create(t.Context(), hpa, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.scale(5)
	w.eventually(w.replicas(5))
	w.ready(w.source.commit("settings", files{"web.yaml": web("web:v1", 3), "settings.yaml": settings("settings", "one")}))
	w.eventually(w.replicas(5))
}
