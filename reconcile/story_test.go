package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

// eventually polls until condition gives "", and fails with what it last gave.
func (w *world) eventually(condition func() string) {
	w.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(w.Context(), 5*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) {
		last = condition()
		return last == "", nil
	})
	if err != nil {
		w.Fatalf("waited in vain: %s\napplication: %+v", last, w.application().Status)
	}
}

func (w *world) patchApplication(kind types.PatchType, body string) {
	w.Helper()
	force := true
	options := metav1.PatchOptions{FieldManager: "test"}
	if kind == types.ApplyPatchType {
		options.Force = &force
	}
	if _, err := w.dynamic.Resource(v1alpha1.ApplicationResource).Namespace(w.namespace).Patch(w.Context(), "app", kind, []byte(body), options); err != nil {
		w.Fatal(err)
	}
}

func (w *world) application() *v1alpha1.Application {
	w.Helper()
	raw, err := w.dynamic.Resource(v1alpha1.ApplicationResource).Namespace(w.namespace).Get(context.Background(), "app", metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	app := &v1alpha1.Application{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, app); err != nil {
		w.Fatal(err)
	}
	return app
}

// syncNow asks for a sync, and waits until it is over.
func (w *world) syncNow() *v1alpha1.Application {
	w.Helper()
	request := time.Now().UTC().Format(time.RFC3339Nano)
	w.patchApplication(types.MergePatchType, fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.SyncRequestedAnnotation, request))
	w.eventually(func() string {
		if handled := w.application().Status.SyncHandled; handled != request {
			return "sync request is not handled: " + handled
		}
		return ""
	})
	return w.application()
}

// ready waits until the commit is applied and all is healthy.
func (w *world) ready(id string) *v1alpha1.Application {
	w.Helper()
	w.eventually(func() string {
		status := w.application().Status
		if status.Revision == nil || status.Revision.ID != id || !meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) {
			return "not ready at " + id[:7]
		}
		return ""
	})
	return w.application()
}

// says waits until the status has a condition with these words, and returns the application.
func (w *world) says(condition, words string) *v1alpha1.Application {
	w.Helper()
	w.eventually(func() string {
		found := meta.FindStatusCondition(w.application().Status.Conditions, condition)
		if found == nil || found.Status != metav1.ConditionTrue || !strings.Contains(found.Message, words) {
			return fmt.Sprintf("no condition %s with %q", condition, words)
		}
		return ""
	})
	return w.application()
}

// event waits for an event in the namespace.
func (w *world) event(reason, words string) {
	w.Helper()
	w.eventually(func() string {
		list, err := w.client.CoreV1().Events(w.namespace).List(w.Context(), metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		var seen []string
		for _, event := range list.Items {
			if event.Reason == reason && strings.Contains(event.Message, words) {
				return ""
			}
			seen = append(seen, event.Reason+": "+event.Message)
		}
		return fmt.Sprintf("no event %s with %q in %q", reason, words, seen)
	})
}

func (w *world) configMap(name string) *corev1.ConfigMap {
	w.Helper()
	object, err := w.client.CoreV1().ConfigMaps(w.namespace).Get(w.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return object
}

func (w *world) deployment(name string) *appsv1.Deployment {
	w.Helper()
	object, err := w.client.AppsV1().Deployments(w.namespace).Get(w.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return object
}

// revisions are the ReplicaSets, by revision, as "1: 0 × web:v1 (0000001 first (Ada))".
func (w *world) revisions() []string {
	w.Helper()
	list, err := w.client.AppsV1().ReplicaSets(w.namespace).List(w.Context(), metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	var lines []string
	for _, rs := range list.Items {
		lines = append(lines, fmt.Sprintf("%s: %d × %s (%s)", rs.Annotations["deployment.kubernetes.io/revision"], *rs.Spec.Replicas,
			rs.Spec.Template.Spec.Containers[0].Image, rs.Annotations["kubernetes.io/change-cause"]))
	}
	slices.Sort(lines)
	return lines
}

func (w *world) patchDeployment(name, manager, body string) {
	w.Helper()
	_, err := w.client.AppsV1().Deployments(w.namespace).Patch(w.Context(), name, types.StrategicMergePatchType, []byte(body), metav1.PatchOptions{FieldManager: manager})
	if err != nil {
		w.Fatal(err)
	}
}

// web is the manifest of a Deployment; replicas 0 leaves the field out.
func web(image string, replicas int) string {
	stated := ""
	if replicas > 0 {
		stated = fmt.Sprintf("  replicas: %d\n", replicas)
	}
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n" + stated +
		`  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: "` + image + `", ports: [{containerPort: 80}], resources: {requests: {cpu: 1000m}}}]
`
}

func settings(name, value string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {key: \"" + value + "\"}\n"
}
