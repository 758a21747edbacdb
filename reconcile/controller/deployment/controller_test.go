package deployment

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
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

// fleet is the controller, running, over an API in which the test plays the ReplicaSet controller.
type fleet struct {
	t        *testing.T
	api      *controllertest.API
	recorder *record.FakeRecorder
}

func run(t *testing.T) fleet {
	api := controllertest.New(t, clock.RealClock{})
	return fleet{t, api, controllertest.Run(t, api, clock.RealClock{},
		func(o controller.Options) controllertest.Runner { return New(o) })}
}

func (f fleet) create(d *appsv1.Deployment) *appsv1.Deployment {
	f.t.Helper()
	d.UID, d.Generation = "", 0
	created, err := f.api.Client.AppsV1().Deployments("ns").Create(background, d, metav1.CreateOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	return created
}

func (f fleet) get() *appsv1.Deployment {
	f.t.Helper()
	d, err := f.api.Client.AppsV1().Deployments("ns").Get(background, "web", metav1.GetOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	return d
}

// edit changes the stored Deployment, again if somebody else did meanwhile.
func (f fleet) edit(change func(d *appsv1.Deployment)) {
	f.t.Helper()
	controllertest.Eventually(f.t, func() (bool, string) {
		d := f.get()
		change(d)
		_, err := f.api.Client.AppsV1().Deployments("ns").Update(background, d, metav1.UpdateOptions{})
		return err == nil, fmt.Sprint(err)
	})
}

func (f fleet) push(version string) {
	f.edit(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "web:" + version })
}

func (f fleet) sets() []appsv1.ReplicaSet {
	f.t.Helper()
	list, err := f.api.Client.AppsV1().ReplicaSets("ns").List(background, metav1.ListOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	slices.SortFunc(list.Items, func(a, b appsv1.ReplicaSet) int {
		return strings.Compare(a.Spec.Template.Spec.Containers[0].Image, b.Spec.Template.Spec.Containers[0].Image)
	})
	return list.Items
}

// follow has every ReplicaSet report that it has what it wants, until the Deployment's rollout is complete.
func (f fleet) follow() *appsv1.Deployment {
	f.t.Helper()
	var d *appsv1.Deployment
	controllertest.Eventually(f.t, func() (bool, string) {
		for _, rs := range f.sets() {
			n := replicas(&rs)
			status := appsv1.ReplicaSetStatus{Replicas: n, ReadyReplicas: n, AvailableReplicas: n, ObservedGeneration: rs.Generation, TerminatingReplicas: new(int32)}
			if reflect.DeepEqual(rs.Status, status) {
				continue
			}
			rs.Status = status
			_, _ = f.api.Client.AppsV1().ReplicaSets("ns").UpdateStatus(background, &rs, metav1.UpdateOptions{}) // a conflict is tried again
		}
		d = f.get()
		progressing := find(d.Status.Conditions, appsv1.DeploymentProgressing)
		done := progressing != nil && progressing.Reason == reasonComplete && d.Status.ObservedGeneration == d.Generation &&
			d.Status.Replicas == *d.Spec.Replicas && d.Status.UpdatedReplicas == *d.Spec.Replicas
		return done, fmt.Sprintf("status %+v", d.Status)
	})
	return d
}

func TestRolloutAndRollbackThroughTheAPI(t *testing.T) {
	f := run(t)
	f.create(newWorld(2, "1", "0").d)
	f.follow()
	f.push("v2")
	f.follow()
	f.push("v1")
	d := f.follow()

	sets := f.sets()
	if len(sets) != 2 {
		t.Fatalf("%d ReplicaSets, want 2", len(sets))
	}
	v1, v2 := sets[0].Name, sets[1].Name
	want := []string{
		"Normal ScalingReplicaSet Scaled up replica set " + v1 + " from 0 to 2",
		"Normal ScalingReplicaSet Scaled up replica set " + v2 + " from 0 to 1",
		"Normal ScalingReplicaSet Scaled down replica set " + v1 + " from 2 to 1",
		"Normal ScalingReplicaSet Scaled up replica set " + v2 + " from 1 to 2",
		"Normal ScalingReplicaSet Scaled down replica set " + v1 + " from 1 to 0",
		"Normal ScalingReplicaSet Scaled up replica set " + v1 + " from 0 to 1",
		"Normal ScalingReplicaSet Scaled down replica set " + v2 + " from 2 to 1",
		"Normal ScalingReplicaSet Scaled up replica set " + v1 + " from 1 to 2",
		"Normal ScalingReplicaSet Scaled down replica set " + v2 + " from 1 to 0",
	}
	if diff := cmp.Diff(want, controllertest.Events(f.recorder)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if d.Annotations[AnnotationRevision] != "3" || sets[0].Annotations[AnnotationRevision] != "3" || sets[1].Annotations[AnnotationRevision] != "2" {
		t.Errorf("revisions: %s; ReplicaSets %s, %s", d.Annotations[AnnotationRevision], sets[0].Annotations[AnnotationRevision], sets[1].Annotations[AnnotationRevision])
	}
	var conditions []string
	for _, c := range d.Status.Conditions {
		conditions = append(conditions, fmt.Sprintf("%s %s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	if diff := cmp.Diff([]string{
		"Available True MinimumReplicasAvailable: Deployment has minimum availability.",
		fmt.Sprintf("Progressing True NewReplicaSetAvailable: ReplicaSet %q has successfully progressed.", v1),
	}, conditions); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

func TestReplicaSetsAreAdoptedAndReleased(t *testing.T) {
	f := run(t)
	world := newWorld(2, "1", "0")
	orphan := newReplicaSet(world.d, "handmade", 2)
	orphan.OwnerReferences = nil
	if _, err := f.api.Client.AppsV1().ReplicaSets("ns").Create(background, orphan, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	d := f.create(world.d)
	f.follow()
	sets := f.sets()
	if len(sets) != 1 || !metav1.IsControlledBy(&sets[0], d) {
		t.Fatalf("want the orphan adopted, have %d, owned by %v", len(sets), sets[0].OwnerReferences)
	}
	controllertest.Eventually(t, func() (bool, string) {
		rs := f.sets()[0]
		rs.Labels = map[string]string{"app": "other"}
		_, err := f.api.Client.AppsV1().ReplicaSets("ns").Update(background, &rs, metav1.UpdateOptions{})
		return err == nil, fmt.Sprint(err)
	})
	controllertest.Eventually(t, func() (bool, string) {
		rs, err := f.api.Client.AppsV1().ReplicaSets("ns").Get(background, "web-handmade", metav1.GetOptions{})
		return err == nil && len(rs.OwnerReferences) == 0 && len(f.sets()) == 2, fmt.Sprint("not released and replaced: ", rs, err)
	})
}

func TestTakenNameLeadsToAnotherHash(t *testing.T) {
	f := run(t)
	d := newWorld(1, "1", "0").d
	hash, err := Hash(&d.Spec.Template, 0)
	if err != nil {
		t.Fatal(err)
	}
	stranger := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web-" + hash}, Spec: appsv1.ReplicaSetSpec{
		Replicas: new(int32), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: "stranger"}}}}}}
	if _, err := f.api.Client.AppsV1().ReplicaSets("ns").Create(background, stranger, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	next, err := Hash(&d.Spec.Template, 1)
	if err != nil {
		t.Fatal(err)
	}
	f.create(d)
	d = f.follow()
	if d.Status.CollisionCount == nil || *d.Status.CollisionCount != 1 {
		t.Errorf("collisions: %v, want 1", d.Status.CollisionCount)
	}
	if _, err := f.api.Client.AppsV1().ReplicaSets("ns").Get(background, "web-"+next, metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}

func TestRefusedReplicaSetShows(t *testing.T) {
	f := run(t)
	f.api.Refuse = func(verb, resource string, _ runtime.Object) error {
		if verb == "create" && resource == "replicasets" {
			return errors.New("replicasets.apps is forbidden: exceeded quota")
		}
		return nil
	}
	d := f.create(newWorld(1, "1", "0").d)
	hash, err := Hash(&d.Spec.Template, 0)
	if err != nil {
		t.Fatal(err)
	}
	message := fmt.Sprintf("Failed to create new replica set %q: replicasets.apps is forbidden: exceeded quota", "web-"+hash)
	controllertest.Eventually(t, func() (bool, string) {
		c := find(f.get().Status.Conditions, appsv1.DeploymentProgressing)
		return c != nil && c.Reason == reasonCreateError && c.Status == corev1.ConditionFalse && c.Message == message, fmt.Sprint(c)
	})
	if event := <-f.recorder.Events; event != "Warning ReplicaSetCreateError "+message {
		t.Errorf("event %q", event)
	}
}

func TestRecreateWaitsForTheLastPod(t *testing.T) {
	f := run(t)
	d := newWorld(1, "1", "0").d
	d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
	f.create(d)
	f.follow()
	old := f.sets()[0]
	last := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "last",
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(&old, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}}}
	if _, err := f.api.Client.CoreV1().Pods("ns").Create(background, last, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	f.push("v2")
	controllertest.Eventually(t, func() (bool, string) {
		if rs := f.sets()[0]; *rs.Spec.Replicas == 0 && rs.Status.ObservedGeneration != rs.Generation {
			rs.Status = appsv1.ReplicaSetStatus{ObservedGeneration: rs.Generation}
			_, _ = f.api.Client.AppsV1().ReplicaSets("ns").UpdateStatus(background, &rs, metav1.UpdateOptions{})
		}
		d := f.get()
		return d.Status.ObservedGeneration == d.Generation && d.Status.Replicas == 0, fmt.Sprintf("%+v", d.Status)
	})
	if n := len(f.sets()); n != 1 {
		t.Fatalf("%d ReplicaSets while the last Pod runs, want 1", n)
	}
	if err := f.api.Confirm(last); err != nil {
		t.Fatal(err)
	}
	f.follow()
	if n := len(f.sets()); n != 2 {
		t.Errorf("%d ReplicaSets after the last Pod went, want 2", n)
	}
}
