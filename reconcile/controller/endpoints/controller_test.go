package endpoints

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/controllertest"
)

// stage is a controller over a fake API, whose clock goes on while the test waits.
type stage struct {
	*testing.T
	*controllertest.API
	clock *clocktesting.FakeClock
}

func play(t *testing.T) stage {
	clock := clocktesting.NewFakeClock(time.Unix(1000, 0))
	s := stage{t, controllertest.New(t, clock), clock}
	controllertest.Run(t, s.API, clock, func(o controller.Options) controllertest.Runner { return New(o) })
	return s
}

// written waits until the slices and the Endpoints have this many addresses, ready ones and others.
func (s stage) written(ready, others, legacyReady, legacyOthers int) {
	s.Helper()
	want := fmt.Sprintf("%d+%d in slices, %d+%d in endpoints", ready, others, legacyReady, legacyOthers)
	controllertest.Eventually(s.T, func() (bool, string) {
		s.clock.Step(pace)
		var n, m, k, l int
		list, err := s.Client.DiscoveryV1().EndpointSlices("ns").List(s.Context(), metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		for _, slice := range list.Items {
			for _, e := range slice.Endpoints {
				if *e.Conditions.Ready {
					n++
				} else {
					m++
				}
			}
		}
		legacy, err := s.Client.CoreV1().Endpoints("ns").Get(s.Context(), "web", metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		for _, subset := range legacy.Subsets {
			k, l = k+len(subset.Addresses), l+len(subset.NotReadyAddresses)
		}
		got := fmt.Sprintf("%d+%d in slices, %d+%d in endpoints", n, m, k, l)
		return got == want && len(list.Items) == 1, fmt.Sprintf("%s in %d slices, want %s", got, len(list.Items), want)
	})
}

func (s stage) update(pod *corev1.Pod) {
	s.Helper()
	if err := s.Client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), pod, "ns"); err != nil {
		s.Fatal(err)
	}
}

func TestFollowsPods(t *testing.T) {
	s := play(t)
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Client.CoreV1().Services("ns").Create(t.Context(), service(), metav1.CreateOptions{}))
	s.written(0, 0, 0, 0)
	p := pod("p", "10.0.0.1", unready)
	p.ResourceVersion = "100"
	if err := s.Client.Tracker().Add(p); err != nil {
		t.Fatal(err)
	}
	s.written(0, 1, 0, 1)
	p = pod("p", "10.0.0.1")
	p.ResourceVersion = "101"
	s.update(p)
	s.written(1, 0, 1, 0)
	p = p.DeepCopy()
	terminating(p)
	p.ResourceVersion = "102"
	s.update(p)
	s.written(0, 1, 0, 0)

	must(nil, s.Client.CoreV1().Endpoints("ns").Delete(t.Context(), "web", metav1.DeleteOptions{}))
	s.written(0, 1, 0, 0)

	p = p.DeepCopy()
	p.Labels, p.ResourceVersion = map[string]string{"app": "other"}, "103"
	s.update(p)
	s.written(0, 0, 0, 0)

	must(nil, s.Client.CoreV1().Services("ns").Delete(t.Context(), "web", metav1.DeleteOptions{}))
	controllertest.Eventually(t, func() (bool, string) {
		list, err := s.Client.CoreV1().Endpoints("ns").List(t.Context(), metav1.ListOptions{})
		return err == nil && len(list.Items) == 0, "endpoints are still there"
	})
}

// TestLeavesOthersAlone: a Service without selector has its endpoints from somebody else.
func TestLeavesOthersAlone(t *testing.T) {
	if selects(service(func(s *corev1.Service) { s.Spec.Selector = nil })) ||
		selects(service(func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeExternalName })) || !selects(service()) {
		t.Error("wrong Services are written")
	}
}
