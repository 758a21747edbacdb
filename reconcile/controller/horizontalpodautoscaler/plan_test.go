package horizontalpodautoscaler

import (
	"errors"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// What upstream documents: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details.
func TestSizes(t *testing.T) {
	leave := func(i int) func(*Observed) {
		return func(o *Observed) { o.Pods[i].DeletionTimestamp = ptr.To(metav1.NewTime(start)) }
	}
	unmeasured := func(n int) func(*Observed) { return func(o *Observed) { o.Metrics = o.Metrics[:len(o.Metrics)-n] } }
	pending := func(i int) func(*Observed) { return func(o *Observed) { o.Pods[i].Status.Phase = corev1.PodPending } }
	fresh := func(i int, ready corev1.ConditionStatus, since time.Duration) func(*Observed) {
		return func(o *Observed) {
			o.Pods[i].Status.StartTime = ptr.To(metav1.NewTime(start.Add(-time.Minute)))
			o.Pods[i].Status.Conditions[0].Status = ready
			o.Pods[i].Status.Conditions[0].LastTransitionTime = metav1.NewTime(start.Add(-since))
		}
	}
	for name, c := range map[string]struct {
		milli  []int64
		change func(*Observed)
		want   int32
	}{
		"twice the target doubles":                           {[]int64{160, 160}, nil, 4},
		"rounds up":                                          {[]int64{100, 100, 100}, nil, 4},
		"half the target halves":                             {[]int64{40, 40, 40, 40}, nil, 2},
		"10% above is near enough":                           {[]int64{88, 88}, nil, 2},
		"10% below is near enough":                           {[]int64{72, 72}, nil, 2},
		"more than 10% above is not":                         {[]int64{90, 90}, nil, 3},
		"nothing used leaves the least":                      {[]int64{0, 0, 0}, nil, 1},
		"no more than 4 at once":                             {[]int64{800}, nil, 5},
		"or twice as many":                                   {[]int64{800, 800, 800, 800, 800, 800}, nil, 12},
		"no more than the most":                              {[]int64{800, 800, 800, 800, 800, 800, 800, 800, 800, 800, 800, 800}, nil, 20},
		"a Pod that leaves does not count":                   {[]int64{160, 160, 0}, leave(2), 4},
		"one without figures is idle when it grows":          {[]int64{160, 160, 160, 0}, unmeasured(1), 6},
		"or keeps it from growing":                           {[]int64{120, 0}, unmeasured(1), 2},
		"one without figures is busy when it shrinks":        {[]int64{20, 20, 20, 20}, unmeasured(1), 2},
		"a pending one is idle when it grows":                {[]int64{160, 160, 0}, pending(2), 4},
		"and does not count when it shrinks":                 {[]int64{20, 20, 0}, pending(2), 1},
		"what a Pod uses to start does not count":            {[]int64{80, 400}, fresh(1, corev1.ConditionFalse, time.Minute), 2},
		"nor the window in which it became ready":            {[]int64{80, 400}, fresh(1, corev1.ConditionTrue, 5*time.Second), 2},
		"but what a ready Pod uses does, even a young one's": {[]int64{80, 400}, fresh(1, corev1.ConditionTrue, 30*time.Second), 6},
	} {
		t.Run(name, func(t *testing.T) {
			o := observed(start, c.milli...)
			if c.change != nil {
				c.change(&o)
			}
			hpa := autoscaler(1, 20)
			hpa.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{
				Policies: []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}}}}
			if got := sizeOf(o, Decide(hpa, o, start)); got != c.want {
				t.Errorf("%d replicas, want %d", got, c.want)
			}
		})
	}
}

func TestWhatIsTold(t *testing.T) {
	memory := autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name: corev1.ResourceMemory, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To[int32](50)}}}
	packets := autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{
		Metric: autoscalingv2.MetricIdentifier{Name: "packets"},
		Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: resource.NewQuantity(1, resource.DecimalSI)}}}
	for name, c := range map[string]struct {
		change func(hpa *autoscalingv2.HorizontalPodAutoscaler, o *Observed)
		want   int32
		told   string // the last event, or a condition
	}{
		"below the least": {func(hpa *autoscalingv2.HorizontalPodAutoscaler, _ *Observed) {
			hpa.Spec.MinReplicas = ptr.To[int32](10)
		}, 10, "AbleToScale=True SucceededGetScale"},
		"above the most": {func(hpa *autoscalingv2.HorizontalPodAutoscaler, _ *Observed) { hpa.Spec.MaxReplicas = 1 }, 1, "AbleToScale=True SucceededGetScale"},
		"switched off":   {func(_ *autoscalingv2.HorizontalPodAutoscaler, o *Observed) { o.Scale.Spec.Replicas = 0 }, 0, "ScalingActive=False ScalingDisabled"},
		"no such target": {func(_ *autoscalingv2.HorizontalPodAutoscaler, o *Observed) {
			o.ScaleErr = errors.New("it is not there")
		}, 2, "AbleToScale=False FailedGetScale the HPA controller was unable to get the target's current scale: it is not there"},
		"no figures": {func(_ *autoscalingv2.HorizontalPodAutoscaler, o *Observed) { o.Metrics = nil }, 2, "ScalingActive=False FailedGetResourceMetric the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API"},
		"no request": {func(_ *autoscalingv2.HorizontalPodAutoscaler, o *Observed) {
			o.Pods[1].Spec.Containers[0].Resources.Requests = nil
		}, 2, "failed to get cpu utilization: missing request for cpu in container web of Pod web-1"},
		"not measured": {func(hpa *autoscalingv2.HorizontalPodAutoscaler, _ *Observed) {
			hpa.Spec.Metrics = []autoscalingv2.MetricSpec{packets}
		}, 2, "ScalingActive=False FailedGetPodsMetric"},
		"one can be read": {func(hpa *autoscalingv2.HorizontalPodAutoscaler, _ *Observed) {
			hpa.Spec.Metrics = append(hpa.Spec.Metrics, memory)
		}, 3, "ScalingActive=True ValidMetricFound"},
		"that would shrink": {func(hpa *autoscalingv2.HorizontalPodAutoscaler, o *Observed) {
			hpa.Spec.Metrics = append(hpa.Spec.Metrics, memory)
			*o = observed(start, 10, 10)
		}, 2, "ScalingActive=False FailedGetResourceMetric"},
		"two for the same": {func(_ *autoscalingv2.HorizontalPodAutoscaler, o *Observed) { o.Rivals = []string{"default/other"} }, 2, "ScalingActive=False AmbiguousSelector pods by selector app=web are controlled by multiple HPAs: [default/web default/other]"},
		"no selector":      {func(_ *autoscalingv2.HorizontalPodAutoscaler, o *Observed) { o.Scale.Status.Selector = "" }, 2, "ScalingActive=False InvalidSelector"},
		"tolerance of growth": {func(hpa *autoscalingv2.HorizontalPodAutoscaler, _ *Observed) {
			hpa.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: &autoscalingv2.HPAScalingRules{Tolerance: ptr.To(resource.MustParse("0.3"))}}
		}, 2, "ScalingLimited=False DesiredWithinRange"},
	} {
		t.Run(name, func(t *testing.T) {
			hpa, o := autoscaler(1, 20), observed(start, 100, 100)
			c.change(hpa, &o)
			plan := Decide(hpa, o, start)
			if got := sizeOf(o, plan); got != c.want {
				t.Errorf("%d replicas, want %d", got, c.want)
			}
			var told strings.Builder
			for _, condition := range plan.Status.Conditions {
				told.WriteString(string(condition.Type) + "=" + string(condition.Status) + " " + condition.Reason + " " + condition.Message + "\n")
			}
			if !strings.Contains(told.String(), c.told) {
				t.Errorf("told:\n%swant %q", told.String(), c.told)
			}
		})
	}
}

func TestAFailedRescaleIsTold(t *testing.T) {
	hpa, o := autoscaler(10, 20), observed(start, 100)
	plan := Decide(hpa, o, start).Scaled(hpa, errors.New("forbidden"), start)
	last := plan.Events[len(plan.Events)-1]
	if want := "New size: 10; reason: Current number of replicas below Spec.MinReplicas; error: forbidden"; last.Message != want || last.Reason != "FailedRescale" {
		t.Errorf("told %s %q, want %q", last.Reason, last.Message, want)
	}
	if plan.Status.LastScaleTime != nil || len(plan.History.Changes) > 0 {
		t.Error("it is taken to have scaled")
	}
}

// A container of each Pod, and an amount instead of a percentage.
func TestOneContainerByItsUse(t *testing.T) {
	hpa, o := autoscaler(1, 20), observed(start, 100, 100)
	hpa.Spec.Metrics = []autoscalingv2.MetricSpec{{Type: autoscalingv2.ContainerResourceMetricSourceType, ContainerResource: &autoscalingv2.ContainerResourceMetricSource{
		Name: corev1.ResourceCPU, Container: "web", Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: resource.NewMilliQuantity(50, resource.DecimalSI)}}}}
	plan := Decide(hpa, o, start)
	if got := sizeOf(o, plan); got != 4 {
		t.Errorf("%d replicas, want 4", got)
	}
	if got := plan.Status.CurrentMetrics[0].ContainerResource.Current.AverageValue.String(); got != "100m" {
		t.Errorf("current value %s, want 100m", got)
	}
	hpa.Spec.Metrics[0].ContainerResource.Container = "redis"
	plan = Decide(hpa, o, start)
	if message := plan.Events[0].Message; !strings.Contains(message, "container redis not present in metrics for pod default/web-0") {
		t.Errorf("told %q", message)
	}
}
