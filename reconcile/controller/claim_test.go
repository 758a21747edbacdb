package controller

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

func ownerRef(uid types.UID) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: uid, Controller: &yes, BlockOwnerDeletion: &yes}
}

func ownedPod(name, app string, controller types.UID) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": app}}}
	if controller != "" {
		pod.OwnerReferences = []metav1.OwnerReference{ownerRef(controller)}
	}
	return pod
}

func podNames(pods []*corev1.Pod) string {
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestClaim(t *testing.T) {
	dying := ownedPod("dying-orphan", "web", "")
	dying.DeletionTimestamp = &metav1.Time{}
	pods := []*corev1.Pod{
		ownedPod("mine", "web", "me"), ownedPod("mine-relabelled", "db", "me"),
		ownedPod("orphan", "web", ""), ownedPod("stranger", "db", ""), dying,
		ownedPod("others", "web", "other"),
	}
	selector := labels.SelectorFromSet(labels.Set{"app": "web"})
	owner := &metav1.ObjectMeta{UID: "me"}
	leaving := &metav1.ObjectMeta{UID: "me", DeletionTimestamp: &metav1.Time{}}
	for _, test := range []struct {
		about                string
		owner                *metav1.ObjectMeta
		keep, adopt, release string
	}{
		{"alive", owner, "mine", "orphan", "mine-relabelled"},
		{"being deleted", leaving, "mine mine-relabelled", "", ""},
	} {
		claims := Claim(test.owner, selector, pods)
		got := [3]string{podNames(claims.Keep), podNames(claims.Adopt), podNames(claims.Release)}
		if diff := cmp.Diff([3]string{test.keep, test.adopt, test.release}, got); diff != "" {
			t.Errorf("%s: keep, adopt, release (-want +got):\n%s", test.about, diff)
		}
	}
}

func TestAdopterChecksTheOwnerAndWritesReferences(t *testing.T) {
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "vanished")
	for _, test := range []struct {
		about string
		fresh *metav1.ObjectMeta
		fails string
		mine  string
	}{
		{"alive", &metav1.ObjectMeta{UID: "me"}, "", "kept orphan"},
		{"replaced", &metav1.ObjectMeta{UID: "another"}, "was replaced", ""},
		{"being deleted", &metav1.ObjectMeta{UID: "me", DeletionTimestamp: &metav1.Time{}}, "being deleted", ""},
	} {
		written := map[string]int{}
		adopter := Adopter[*corev1.Pod]{
			Ref:   ownerRef("me"),
			Fresh: func(context.Context) (metav1.Object, error) { return test.fresh, nil },
			Copy:  (*corev1.Pod).DeepCopy,
			Update: func(_ context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
				if pod.Name == "vanished" {
					return nil, gone
				}
				written[pod.Name] = len(pod.OwnerReferences)
				return pod, nil
			},
		}
		released := ownedPod("released", "db", "me")
		mine, err := adopter.Apply(context.Background(), Claims[*corev1.Pod]{
			Keep:    []*corev1.Pod{ownedPod("kept", "web", "me")},
			Adopt:   []*corev1.Pod{ownedPod("orphan", "web", ""), ownedPod("vanished", "web", "")},
			Release: []*corev1.Pod{released},
		})
		if test.fails == "" && err != nil || test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)) {
			t.Errorf("%s: error %v, want %q", test.about, err, test.fails)
		}
		if got := podNames(mine); got != test.mine {
			t.Errorf("%s: has %q, want %q", test.about, got, test.mine)
		}
		want := map[string]int{"released": 0}
		if test.fails == "" {
			want["orphan"] = 1
		}
		if diff := cmp.Diff(want, written); diff != "" {
			t.Errorf("%s: references written (-want +got):\n%s", test.about, diff)
		}
		if len(released.OwnerReferences) != 1 {
			t.Errorf("%s: the cached object was changed", test.about)
		}
	}
}

func TestIndexByController(t *testing.T) {
	informer := cache.NewSharedIndexInformer(nil, &corev1.Pod{}, 0, cache.Indexers{})
	for range 2 { // two controllers share it
		if err := IndexByController(informer); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := ownedPod("elsewhere", "web", "")
	elsewhere.Namespace = "other"
	for _, pod := range []*corev1.Pod{ownedPod("a", "web", "me"), ownedPod("b", "web", "other"), ownedPod("c", "web", ""), elsewhere} {
		if err := informer.GetIndexer().Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	owned, err := Owned[*corev1.Pod](informer.GetIndexer(), "me")
	if err != nil || podNames(owned) != "a" {
		t.Errorf("owned: %q, %v", podNames(owned), err)
	}
	candidates, err := Candidates[*corev1.Pod](informer.GetIndexer(), &metav1.ObjectMeta{Namespace: "ns", UID: "me"})
	if err != nil || podNames(candidates) != "a c" {
		t.Errorf("candidates: %q, %v", podNames(candidates), err)
	}
}
