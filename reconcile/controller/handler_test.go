package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

func TestOwnersEnqueuesFormerAndPresentOwner(t *testing.T) {
	revision := func(pod *corev1.Pod, version string) *corev1.Pod {
		pod.ResourceVersion = version
		return pod
	}
	ownedBy := func(owner string, version string) *corev1.Pod {
		pod := revision(ownedPod("p", "web", types.UID("uid-of-"+owner)), version)
		pod.OwnerReferences[0].Name = owner
		return pod
	}
	other := ownedBy("a", "1")
	other.OwnerReferences[0].Kind = "Job"
	again := ownedBy("b", "9")
	again.UID = "made again"
	for _, test := range []struct {
		about string
		event func(h cache.ResourceEventHandler)
		want  string
	}{
		{"added", func(h cache.ResourceEventHandler) { h.OnAdd(ownedBy("a", "1"), false) }, "ns/a"},
		{"added orphan", func(h cache.ResourceEventHandler) { h.OnAdd(ownedPod("p", "web", ""), false) }, "orphan p"},
		{"of another kind", func(h cache.ResourceEventHandler) { h.OnAdd(other, false) }, ""},
		{"updated", func(h cache.ResourceEventHandler) { h.OnUpdate(ownedBy("a", "1"), ownedBy("a", "2")) }, "ns/a"},
		{"resync", func(h cache.ResourceEventHandler) { h.OnUpdate(ownedBy("a", "1"), ownedBy("a", "1")) }, ""},
		{"moved", func(h cache.ResourceEventHandler) { h.OnUpdate(ownedBy("a", "1"), ownedBy("b", "2")) }, "ns/a ns/b"},
		{"released", func(h cache.ResourceEventHandler) {
			h.OnUpdate(ownedBy("a", "1"), revision(ownedPod("p", "web", ""), "2"))
		}, "ns/a orphan p"},
		{"orphan's status", func(h cache.ResourceEventHandler) {
			h.OnUpdate(revision(ownedPod("p", "web", ""), "1"), revision(ownedPod("p", "web", ""), "2"))
		}, ""},
		{"orphan's labels", func(h cache.ResourceEventHandler) {
			h.OnUpdate(revision(ownedPod("p", "db", ""), "1"), revision(ownedPod("p", "web", ""), "2"))
		}, "orphan p"},
		{"made again", func(h cache.ResourceEventHandler) { h.OnUpdate(ownedBy("a", "1"), again) }, "ns/a ns/b"},
		{"deleted", func(h cache.ResourceEventHandler) { h.OnDelete(ownedBy("a", "1")) }, "ns/a"},
		{"deletion missed", func(h cache.ResourceEventHandler) {
			h.OnDelete(cache.DeletedFinalStateUnknown{Key: "ns/p", Obj: ownedBy("a", "1")})
		}, "ns/a"},
	} {
		var got []string
		test.event(Owners("ReplicaSet",
			func(key cache.ObjectName) { got = append(got, key.String()) },
			func(pod *corev1.Pod) { got = append(got, "orphan "+pod.Name) }))
		if joined := strings.Join(got, " "); joined != test.want {
			t.Errorf("%s: %q, want %q", test.about, joined, test.want)
		}
	}
}

func TestPodAvailable(t *testing.T) {
	now := time.Unix(1000, 0)
	pod := func(status corev1.ConditionStatus, since int64) *corev1.Pod {
		at := metav1.Time{}
		if since > 0 {
			at = metav1.Unix(since, 0)
		}
		return &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: status, LastTransitionTime: at}}}}
	}
	for _, test := range []struct {
		about     string
		pod       *corev1.Pod
		seconds   int32
		available bool
		wait      time.Duration
	}{
		{"no status", &corev1.Pod{}, 0, false, 0},
		{"unready", pod(corev1.ConditionFalse, 1), 0, false, 0},
		{"ready", pod(corev1.ConditionTrue, 1000), 0, true, 0},
		{"ready too short", pod(corev1.ConditionTrue, 995), 10, false, 5 * time.Second},
		{"ready just long enough", pod(corev1.ConditionTrue, 990), 10, true, 0},
		{"ready since nobody knows when", pod(corev1.ConditionTrue, 0), 10, false, 0},
	} {
		available, wait := PodAvailable(test.pod, test.seconds, now)
		if available != test.available || wait != test.wait {
			t.Errorf("%s: %t, wait %v; want %t, %v", test.about, available, wait, test.available, test.wait)
		}
	}
}

func TestSelectingFindsThoseThatCouldAdopt(t *testing.T) {
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, rs := range []struct{ namespace, name, app string }{
		{"ns", "web", "web"}, {"ns", "also", "web"}, {"ns", "db", "db"}, {"elsewhere", "web", "web"}, {"ns", "wrong", "-no label-"},
	} {
		if err := indexer.Add(&appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: rs.namespace, Name: rs.name},
			Spec: appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": rs.app}}}}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	Selecting(indexer, ownedPod("orphan", "web", ""),
		func(obj any) *metav1.LabelSelector { return obj.(*appsv1.ReplicaSet).Spec.Selector },
		func(key cache.ObjectName) { got = append(got, key.String()) })
	slices.Sort(got)
	if diff := cmp.Diff([]string{"ns/also", "ns/web"}, got); diff != "" {
		t.Errorf("could adopt (-want +got):\n%s", diff)
	}
}
