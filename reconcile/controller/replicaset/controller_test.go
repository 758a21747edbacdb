package replicaset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/controllertest"
)

var background = context.Background()

// run runs the controllers of both kinds.
func run(t *testing.T) (*controllertest.API, *record.FakeRecorder) {
	t.Helper()
	api := controllertest.New(t, clock.RealClock{})
	return api, controllertest.Run(t, api, clock.RealClock{},
		func(o controller.Options) controllertest.Runner { return New(o) },
		func(o controller.Options) controllertest.Runner { return NewReplicationController(o) })
}

func create(t *testing.T, api *controllertest.API, rs *appsv1.ReplicaSet) *appsv1.ReplicaSet {
	t.Helper()
	created, err := api.Client.AppsV1().ReplicaSets(rs.Namespace).Create(background, rs, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// edit changes the stored ReplicaSet, again if somebody else did meanwhile.
func edit(t *testing.T, api *controllertest.API, change func(rs *appsv1.ReplicaSet)) {
	t.Helper()
	controllertest.Eventually(t, func() (bool, string) {
		rs, err := api.Client.AppsV1().ReplicaSets("ns").Get(background, "web", metav1.GetOptions{})
		if err == nil {
			change(rs)
			_, err = api.Client.AppsV1().ReplicaSets("ns").Update(background, rs, metav1.UpdateOptions{})
		}
		return err == nil, fmt.Sprint(err)
	})
}

func pods(t *testing.T, api *controllertest.API) []corev1.Pod {
	t.Helper()
	list, err := api.Client.CoreV1().Pods("ns").List(background, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// expect waits until the ReplicaSet has told that it has so many Pods, and has them.
func expect(t *testing.T, api *controllertest.API, replicas, ready int32) *appsv1.ReplicaSet {
	t.Helper()
	var rs *appsv1.ReplicaSet
	controllertest.Eventually(t, func() (bool, string) {
		var err error
		if rs, err = api.Client.AppsV1().ReplicaSets("ns").Get(background, "web", metav1.GetOptions{}); err != nil {
			return false, err.Error()
		}
		active := 0
		for _, pod := range pods(t, api) {
			if controller.PodActive(&pod) && metav1.IsControlledBy(&pod, rs) {
				active++
			}
		}
		status := rs.Status
		return status.Replicas == replicas && active == int(replicas) && status.ReadyReplicas == ready && status.ObservedGeneration == rs.Generation,
			fmt.Sprintf("want %d Pods, %d ready; there are %d; status %+v", replicas, ready, active, status)
	})
	return rs
}

// start has each Pod assigned, running and ready.
func start(t *testing.T, api *controllertest.API) {
	t.Helper()
	for _, pod := range pods(t, api) {
		if pod.Spec.NodeName != "" || pod.DeletionTimestamp != nil {
			continue
		}
		pod.Spec.NodeName = "a"
		bound, err := api.Client.CoreV1().Pods("ns").Update(background, &pod, metav1.UpdateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		bound.Status = podOf("x").Status
		if _, err := api.Client.CoreV1().Pods("ns").UpdateStatus(background, bound, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPodsAreCreatedReplacedAndDeleted(t *testing.T) {
	api, recorder := run(t)
	rs := replicaSet(3)
	rs.Annotations = map[string]string{controller.AnnotationCommit: "1a2b3c4d"}
	create(t, api, rs)
	expect(t, api, 3, 0)
	var want []string
	for _, pod := range pods(t, api) {
		want = append(want, "Normal SuccessfulCreate Created pod: "+pod.Name)
		if pod.Annotations[controller.AnnotationCommit] != "1a2b3c4d" || !strings.HasPrefix(pod.Name, "web-") {
			t.Errorf("Pod %s has annotations %v", pod.Name, pod.Annotations)
		}
	}
	events := controllertest.Events(recorder)
	slices.Sort(events)
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	start(t, api)
	expect(t, api, 3, 3)
	first := pods(t, api)[0]
	if err := api.Client.CoreV1().Pods("ns").Delete(background, first.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	told := expect(t, api, 3, 2)
	if told.Status.TerminatingReplicas == nil || *told.Status.TerminatingReplicas != 1 {
		t.Errorf("terminating: %v, want 1", told.Status.TerminatingReplicas)
	}
	if err := api.Confirm(&first); err != nil {
		t.Fatal(err)
	}

	controllertest.Events(recorder)
	edit(t, api, func(rs *appsv1.ReplicaSet) { *rs.Spec.Replicas = 2 })
	expect(t, api, 2, 2) // the one that was not ready went
	if events := controllertest.Events(recorder); len(events) != 1 || !strings.HasPrefix(events[0], "Normal SuccessfulDelete Deleted pod: web-") {
		t.Errorf("events of scaling down: %q", events)
	}
}

func TestRefusedPodsShowInConditionAndEvents(t *testing.T) {
	api, recorder := run(t)
	const message = `pods "web-x" is forbidden: exceeded quota: object-counts, requested: pods=1, used: pods=3, limited: pods=2`
	var full atomic.Bool
	full.Store(true)
	api.Refuse = func(verb, resource string, _ runtime.Object) error {
		if full.Load() && verb == "create" && resource == "pods" {
			return errors.New(message)
		}
		return nil
	}
	create(t, api, replicaSet(2))
	controllertest.Eventually(t, func() (bool, string) {
		rs, err := api.Client.AppsV1().ReplicaSets("ns").Get(background, "web", metav1.GetOptions{})
		if err != nil || len(rs.Status.Conditions) == 0 {
			return false, fmt.Sprint("no condition; ", err)
		}
		c := rs.Status.Conditions[0]
		if c.Type != appsv1.ReplicaSetReplicaFailure || c.Status != corev1.ConditionTrue || c.Reason != "FailedCreate" || c.Message != message {
			t.Errorf("condition %+v", c)
		}
		return true, ""
	})
	if event := <-recorder.Events; event != "Warning FailedCreate Error creating: "+message {
		t.Errorf("event %q", event)
	}
	full.Store(false)
	if rs := expect(t, api, 2, 0); len(rs.Status.Conditions) != 0 {
		t.Errorf("conditions %+v after the quota was raised", rs.Status.Conditions)
	}
}

func TestPodsAreAdoptedAndReleased(t *testing.T) {
	api, _ := run(t)
	orphan := podOf("orphan")
	if _, err := api.Client.CoreV1().Pods("ns").Create(background, orphan, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	create(t, api, replicaSet(2))
	expect(t, api, 2, 1)
	adopted, err := api.Client.CoreV1().Pods("ns").Get(background, "orphan", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if ref := metav1.GetControllerOf(adopted); ref == nil || ref.Kind != "ReplicaSet" || ref.APIVersion != "apps/v1" || ref.BlockOwnerDeletion == nil {
		t.Fatalf("the orphan has the controller %v", ref)
	}
	adopted.Labels = map[string]string{"app": "quarantined"}
	if _, err := api.Client.CoreV1().Pods("ns").Update(background, adopted, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	expect(t, api, 2, 0)
	controllertest.Eventually(t, func() (bool, string) {
		released, err := api.Client.CoreV1().Pods("ns").Get(background, "orphan", metav1.GetOptions{})
		return err == nil && len(released.OwnerReferences) == 0, fmt.Sprint("not released: ", released, err)
	})
	if len(pods(t, api)) != 3 {
		t.Errorf("%d Pods, want the released one and 2", len(pods(t, api)))
	}
}

func TestReplicationController(t *testing.T) {
	api, recorder := run(t)
	rs := replicaSet(2)
	rc := &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "old"},
		Spec:       corev1.ReplicationControllerSpec{Replicas: rs.Spec.Replicas, Selector: rs.Spec.Selector.MatchLabels, Template: &rs.Spec.Template},
	}
	if _, err := api.Client.CoreV1().ReplicationControllers("ns").Create(background, rc, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	told := func(ready int32) {
		t.Helper()
		controllertest.Eventually(t, func() (bool, string) {
			rc, err := api.Client.CoreV1().ReplicationControllers("ns").Get(background, "old", metav1.GetOptions{})
			if err != nil {
				return false, err.Error()
			}
			want := corev1.ReplicationControllerStatus{Replicas: 2, FullyLabeledReplicas: 2, ReadyReplicas: ready, AvailableReplicas: ready, ObservedGeneration: 1}
			diff := cmp.Diff(want, rc.Status)
			return diff == "", diff
		})
	}
	told(0)
	start(t, api)
	told(2)
	for _, pod := range pods(t, api) {
		if ref := metav1.GetControllerOf(&pod); ref == nil || ref.Kind != "ReplicationController" || ref.APIVersion != "v1" {
			t.Errorf("Pod %s has the controller %v", pod.Name, ref)
		}
	}
	if events := controllertest.Events(recorder); len(events) != 2 {
		t.Errorf("events %q", events)
	}
}
