package replicaset

import (
	"testing"
	"time"

	"github.com/rs/zerolog"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/controllertest"
)

// lagging is a controller whose informers are fed by hand.
type lagging struct {
	*Controller
	t   *testing.T
	api *controllertest.API
}

func newLagging(t *testing.T) lagging {
	api := controllertest.New(t, clock.RealClock{})
	c := New(Options{
		Client: api.Client, Informers: informers.NewSharedInformerFactory(api.Client, 0),
		Recorder: record.NewFakeRecorder(100), Clock: clock.RealClock{}, Logger: zerolog.Nop(),
	})
	if err := c.pods.GetIndexer().Replace(nil, "1"); err != nil {
		t.Fatal(err)
	}
	return lagging{c, t, api}
}

// see brings the cached ReplicaSet up to date, and, if wanted, the Pods.
func (l lagging) see(andPods bool) {
	l.t.Helper()
	rs, err := l.client.AppsV1().ReplicaSets("ns").Get(background, "web", metav1.GetOptions{})
	if err == nil {
		err = l.kind.informer.GetIndexer().Update(rs)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	if !andPods {
		return
	}
	for _, pod := range pods(l.t, l.api) {
		if err := l.pods.GetIndexer().Update(&pod); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l lagging) reconcile(wantAfter time.Duration, wantPods int) {
	l.t.Helper()
	after, err := l.Controller.reconcile(background, controller.KeyOf(replicaSet(0)))
	if err != nil || after != wantAfter {
		l.t.Errorf("again after %v, error %v; want %v", after, err, wantAfter)
	}
	if got := len(pods(l.t, l.api)); got != wantPods {
		l.t.Fatalf("%d Pods, want %d", got, wantPods)
	}
}

func TestNothingIsDoneTwiceOnAStaleCache(t *testing.T) {
	l := newLagging(t)
	create(t, l.api, replicaSet(3))
	l.see(false)
	l.reconcile(0, 3)
	l.see(false)
	l.reconcile(controller.LagCheck, 3) // the Pods are not in the cache yet: no more are made
	l.see(true)
	l.reconcile(0, 3)

	edit(t, l.api, func(rs *appsv1.ReplicaSet) { *rs.Spec.Replicas = 2 })
	l.see(false)
	l.reconcile(0, 2)
	l.see(false)
	left := map[string]bool{}
	for _, pod := range pods(t, l.api) {
		left[pod.Name] = true
	}
	for _, obj := range l.pods.GetIndexer().List() { // the news before its end: the Pod that went looks the best now
		if pod := obj.(*corev1.Pod).DeepCopy(); !left[pod.Name] {
			pod.Spec.NodeName, pod.Status = "a", podOf("x").Status
			if err := l.pods.GetIndexer().Update(pod); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.reconcile(0, 2) // the cache has three still: no other is deleted
}
