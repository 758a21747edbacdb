package apiserver

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

func pod(name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:v1"}}},
	}
}

func TestDirectWritesAreDefaultedAdmittedAndValidated(t *testing.T) {
	server := newSpace(t)
	pods := server.Client().CoreV1().Pods(server.namespace)

	generated := pod("")
	generated.GenerateName = "web-"
	created, err := pods.Create(t.Context(), generated, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(created.Name) != len("web-xxxxx") || created.UID == "" || created.Status.Phase != corev1.PodPending {
		t.Errorf("created %q, uid %q, phase %q; want a generated name, a uid, Pending", created.Name, created.UID, created.Status.Phase)
	}
	if created.Spec.RestartPolicy != corev1.RestartPolicyAlways || created.Spec.Containers[0].ImagePullPolicy != corev1.PullIfNotPresent {
		t.Errorf("defaults are missing: %+v", created.Spec)
	}
	if created.Spec.ServiceAccountName != "default" || len(created.Spec.Tolerations) != 2 {
		t.Errorf("admission did not run: service account %q, tolerations %v", created.Spec.ServiceAccountName, created.Spec.Tolerations)
	}
	if generated.UID != "" || generated.Spec.RestartPolicy != "" {
		t.Error("the caller's own object was changed")
	}

	bad := pod("bad")
	bad.Spec.Containers[0].Name = "Not A Name"
	if _, err := pods.Create(t.Context(), bad, metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("a bad name: error %v, want invalid", err)
	}
	strange := pod("strange")
	strange.Spec.ServiceAccountName = "nobody"
	if _, err := pods.Create(t.Context(), strange, metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("an unknown service account: error %v, want forbidden", err)
	}
	stale := created.DeepCopy()
	created.Labels["version"] = "2"
	if _, err := pods.Update(t.Context(), created, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := pods.Update(t.Context(), stale, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("an update of what was read before another: error %v, want conflict", err)
	}
}

func TestDirectUpdateKeepsManagedFields(t *testing.T) {
	server := newSpace(t)
	remote := kubernetes.NewForConfigOrDie(server.RESTConfig())
	body := []byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},
		"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:v1"}]}}}}`)
	applied, err := remote.AppsV1().Deployments(server.namespace).Patch(t.Context(), "web", types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: "coracle"})
	if err != nil {
		t.Fatal(err)
	}
	if len(applied.ManagedFields) != 1 {
		t.Fatalf("managed fields after apply: %v", applied.ManagedFields)
	}
	applied.ManagedFields = nil // as controllers' caches have it
	applied.Status.Replicas = 1
	if _, err := server.Client().AppsV1().Deployments(server.namespace).UpdateStatus(t.Context(), applied, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	after, err := remote.AppsV1().Deployments(server.namespace).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(after.ManagedFields) != 1 || after.ManagedFields[0].Manager != "coracle" {
		t.Errorf("managed fields after a direct write: %v; want those of the apply", after.ManagedFields)
	}
	if after.Status.Replicas != 1 || *after.Spec.Replicas != 2 {
		t.Errorf("status %d of %d replicas, want 1 of 2", after.Status.Replicas, *after.Spec.Replicas)
	}
}

func TestDirectWatchSelectsByField(t *testing.T) {
	server := newSpace(t)
	pods := server.Client().CoreV1().Pods(server.namespace)
	events, err := pods.Watch(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=here"})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Stop()
	for name, node := range map[string]string{"mine": "here", "other": "there"} {
		if _, err := pods.Create(t.Context(), pod(name), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: name}, Target: corev1.ObjectReference{Kind: "Node", Name: node}}
		if err := pods.Bind(t.Context(), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := pods.Bind(t.Context(), binding, metav1.CreateOptions{}); !apierrors.IsConflict(err) {
			t.Errorf("bound twice: error %v, want conflict", err)
		}
	}
	event := <-events.ResultChan()
	bound := event.Object.(*corev1.Pod)
	if event.Type != watch.Added || bound.Name != "mine" || bound.Status.Conditions[0].Type != corev1.PodScheduled {
		t.Errorf("watched %s of %s with conditions %v; want mine added, scheduled", event.Type, bound.Name, bound.Status.Conditions)
	}
	bound.Labels["app"] = "changed by the watcher"
	read, err := pods.Get(t.Context(), "mine", metav1.GetOptions{})
	if err != nil || read.Labels["app"] != "web" {
		t.Errorf("read labels %v, error %v: a watcher's change reached the store", read.Labels, err)
	}
}

func TestPodDeletionWaitsForItsNode(t *testing.T) {
	server := newSpace(t)
	pods := server.Client().CoreV1().Pods(server.namespace)
	for _, name := range []string{"pending", "bound"} {
		if _, err := pods.Create(t.Context(), pod(name), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "bound"}, Target: corev1.ObjectReference{Name: "here"}}
	if err := pods.Bind(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pending", "bound"} {
		if err := pods.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pods.Get(t.Context(), "pending", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a Pod that runs nowhere: error %v, want gone at once", err)
	}
	marked, err := pods.Get(t.Context(), "bound", metav1.GetOptions{})
	if err != nil || marked.DeletionTimestamp == nil || *marked.DeletionGracePeriodSeconds != 30 {
		t.Fatalf("a bound Pod: %v, error %v; want it marked, with 30 s", marked.DeletionTimestamp, err)
	}
	if err := pods.Delete(t.Context(), "bound", metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0), Preconditions: metav1.NewUIDPreconditions("another")}); !apierrors.IsConflict(err) {
		t.Errorf("deletion of another Pod of that name: error %v, want conflict", err)
	}
	if err := pods.Delete(t.Context(), "bound", metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0), Preconditions: metav1.NewUIDPreconditions(string(marked.UID))}); err != nil {
		t.Fatal(err)
	}
	if _, err := pods.Get(t.Context(), "bound", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("once its node confirmed: error %v, want gone", err)
	}
}

func TestScaleWritesReplicasAndTheirOwner(t *testing.T) {
	server := newSpace(t)
	remote := kubernetes.NewForConfigOrDie(server.RESTConfig()).AppsV1().Deployments(server.namespace)
	labels := map[string]string{"app": "web"}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod("").Spec},
	}}
	if _, err := remote.Create(t.Context(), deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	scale, err := remote.GetScale(t.Context(), "web", metav1.GetOptions{})
	if err != nil || scale.Spec.Replicas != 1 || scale.Status.Selector != "app=web" {
		t.Fatalf("scale %+v, error %v; want 1 replica of app=web", scale, err)
	}
	scale.Spec.Replicas = 7
	if _, err := remote.UpdateScale(t.Context(), "web", scale, metav1.UpdateOptions{FieldManager: "scaler"}); err != nil {
		t.Fatal(err)
	}
	scale.Spec.Replicas = -1
	scale.ResourceVersion = ""
	if _, err := remote.UpdateScale(t.Context(), "web", scale, metav1.UpdateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("scaled to -1: error %v, want invalid", err)
	}
	after, err := remote.Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	owner := ""
	for _, entry := range after.ManagedFields {
		if entry.Subresource == "scale" {
			owner = entry.Manager
		}
	}
	if *after.Spec.Replicas != 7 || owner != "scaler" {
		t.Errorf("%d replicas owned by %q, want 7 by scaler", *after.Spec.Replicas, owner)
	}
}
