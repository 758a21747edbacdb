package horizontalpodautoscaler

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	metricsfake "k8s.io/metrics/pkg/client/clientset/versioned/fake"
	clocktesting "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/controllertest"
)

// world is an API with a Deployment "web" of one Pod, whose use is load, and the controller.
type world struct {
	*testing.T
	api      *controllertest.API
	clock    *clocktesting.FakeClock
	recorder *record.FakeRecorder
	replicas atomic.Int32
	load     atomic.Int64
	events   []string
}

func newWorld(t *testing.T, objects ...*autoscalingv2.HorizontalPodAutoscaler) *world {
	w := &world{T: t, clock: clocktesting.NewFakeClock(start)}
	w.replicas.Store(1)
	w.load.Store(80)
	w.api = controllertest.New(t, w.clock)
	w.api.Client.PrependReactor("get", "deployments", func(action clienttesting.Action) (bool, runtime.Object, error) {
		return action.GetSubresource() == "scale", scaleOf(w.replicas.Load()), nil
	})
	w.api.Client.PrependReactor("update", "deployments", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if action.GetSubresource() != "scale" {
			return false, nil, nil
		}
		scale := action.(clienttesting.UpdateAction).GetObject().(*autoscalingv1.Scale)
		w.replicas.Store(scale.Spec.Replicas)
		return true, scale, nil
	})
	figures := metricsfake.NewSimpleClientset()
	figures.PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &metricsv1beta1.PodMetricsList{Items: []metricsv1beta1.PodMetrics{used("web-0", w.load.Load(), w.clock.Now())}}, nil
	})
	if _, err := w.api.Client.CoreV1().Pods("default").Create(t.Context(), pod("web-0"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, hpa := range objects {
		if _, err := w.api.Client.AutoscalingV2().HorizontalPodAutoscalers("default").Create(t.Context(), hpa, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	w.recorder = controllertest.Run(t, w.api, w.clock, func(options controller.Options) controllertest.Runner {
		return New(Options{Options: options, Metrics: figures.MetricsV1beta1(), Period: DefaultPeriod})
	})
	return w
}

// eventually steps the clock from one look to the next until it is so.
func (w *world) eventually(what string, ok func() bool) {
	w.Helper()
	asked := 0
	controllertest.Eventually(w.T, func() (bool, string) {
		w.events = append(w.events, controllertest.Events(w.recorder)...)
		if ok() {
			return true, ""
		}
		if asked++; asked%5 == 0 && w.clock.HasWaiters() { // not so often that the controller has no time to look
			w.clock.Step(DefaultPeriod)
		}
		return false, fmt.Sprintf("%s; %d replicas, last events %q", what, w.replicas.Load(), w.events[max(0, len(w.events)-5):])
	})
}

func (w *world) told(text string) func() bool {
	return func() bool {
		return slices.ContainsFunc(w.events, func(event string) bool { return strings.Contains(event, text) })
	}
}

func TestItScalesAndTellsAbout(t *testing.T) {
	w := newWorld(t, autoscaler(1, 3))
	w.load.Store(300)
	w.eventually("it grows", func() bool { return w.replicas.Load() == 3 })
	w.eventually("says so", w.told("Normal SuccessfulRescale New size: 3; reason: cpu resource utilization (percentage of request) above target"))
	w.eventually("and in its status", func() bool {
		hpa, err := w.api.Client.AutoscalingV2().HorizontalPodAutoscalers("default").Get(t.Context(), "web", metav1.GetOptions{})
		return err == nil && hpa.Status.CurrentReplicas == 3 && hpa.Status.LastScaleTime != nil && len(hpa.Status.CurrentMetrics) == 1 && len(hpa.Status.Conditions) == 3
	})
	w.load.Store(0)
	w.eventually("it shrinks", func() bool { return w.replicas.Load() == 1 })
}

func TestANewRangeHoldsAtOnce(t *testing.T) {
	w := newWorld(t, autoscaler(1, 3))
	hpas := w.api.Client.AutoscalingV2().HorizontalPodAutoscalers("default")
	controllertest.Eventually(t, func() (bool, string) { // no step of the clock
		hpa, err := hpas.Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		if *hpa.Spec.MinReplicas == 1 {
			*hpa.Spec.MinReplicas = 2
			_, err = hpas.Update(t.Context(), hpa, metav1.UpdateOptions{})
		}
		return err == nil && w.replicas.Load() == 2, fmt.Sprintf("%d replicas, error %v", w.replicas.Load(), err)
	})
}

func TestTargetsThatCannotBeScaled(t *testing.T) {
	hpa := autoscaler(1, 3)
	hpa.Spec.ScaleTargetRef.Kind = "Teapot"
	w := newWorld(t, hpa)
	w.eventually("it says so", w.told(`Warning FailedGetScale no matches for kind "Teapot" in group "apps"`))
}

func TestTwoAutoscalersOfOneTarget(t *testing.T) {
	other := autoscaler(1, 3)
	other.Name = "other"
	w := newWorld(t, autoscaler(1, 3), other)
	w.load.Store(300)
	w.eventually("one says so", w.told("Warning AmbiguousSelector pods by selector app=web are controlled by multiple HPAs: ["))
}
