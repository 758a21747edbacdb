package disruption

import (
	"context"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/controllertest"
)

var background = context.Background()

func await(t *testing.T, api *controllertest.API, want string) {
	t.Helper()
	controllertest.Eventually(t, func() (bool, string) {
		budget, err := api.Client.PolicyV1().PodDisruptionBudgets("ns").Get(background, "web", metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		got := line(&budget.Status)
		return got == want, got + ", want " + want
	})
}

func TestStatusFollowsPodsAndScale(t *testing.T) {
	api := controllertest.New(t, clock.RealClock{})
	controllertest.Run(t, api, clock.RealClock{}, func(o controller.Options) controllertest.Runner { return New(o) })
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	labels := map[string]string{"app": "web"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
	deployment, err := api.Client.AppsV1().Deployments("ns").Create(background, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web"}, Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](3), Template: template},
	}, metav1.CreateOptions{})
	check(err)
	set, err := api.Client.AppsV1().ReplicaSets("ns").Create(background, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web-1",
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment"))}},
		Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](1), Template: template},
	}, metav1.CreateOptions{})
	check(err)

	budget := budgetOf("", "1")
	budget.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	_, err = api.Client.PolicyV1().PodDisruptionBudgets("ns").Create(background, budget, metav1.CreateOptions{})
	check(err)
	await(t, api, "allowed 0, healthy 0/0 of 0")

	for _, pod := range podsOf(set.UID, "ready", "ready", "ready") {
		pod.Labels = labels
		pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}
		_, err := api.Client.CoreV1().Pods("ns").Create(background, pod, metav1.CreateOptions{})
		check(err)
	}
	await(t, api, "allowed 1, healthy 3/2 of 3") // the Deployment's 3, not the ReplicaSet's 1

	check(api.Client.CoreV1().Pods("ns").Delete(background, string(set.UID)+"-0", metav1.DeleteOptions{}))
	await(t, api, "allowed 0, healthy 2/2 of 3")

	deployment.Spec.Replicas = ptr.To[int32](2)
	_, err = api.Client.AppsV1().Deployments("ns").Update(background, deployment, metav1.UpdateOptions{})
	check(err)
	await(t, api, "allowed 1, healthy 2/1 of 2")

	check(api.Client.AppsV1().ReplicaSets("ns").Delete(background, "web-1", metav1.DeleteOptions{}))
	await(t, api, "allowed 0, healthy 2/1 of 2") // nobody knows any more how many there should be
}
