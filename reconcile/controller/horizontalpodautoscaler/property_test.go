package horizontalpodautoscaler

import (
	"math/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

// anyState is an autoscaler in range or not, and Pods in all conditions.
func anyState(t *rapid.T) (*autoscalingv2.HorizontalPodAutoscaler, Observed) {
	least := rapid.Int32Range(1, 10).Draw(t, "least")
	hpa := autoscaler(least, rapid.Int32Range(least, 30).Draw(t, "most"))
	if rapid.Bool().Draw(t, "behavior") {
		rules := func(name string) *autoscalingv2.HPAScalingRules {
			return &autoscalingv2.HPAScalingRules{
				StabilizationWindowSeconds: ptr.To(rapid.Int32Range(0, 600).Draw(t, name+" window")),
				SelectPolicy:               ptr.To(rapid.SampledFrom([]autoscalingv2.ScalingPolicySelect{"Max", "Min", "Disabled"}).Draw(t, name+" select")),
				Policies: []autoscalingv2.HPAScalingPolicy{
					{Type: autoscalingv2.PodsScalingPolicy, Value: rapid.Int32Range(1, 10).Draw(t, name+" pods"), PeriodSeconds: 60},
					{Type: autoscalingv2.PercentScalingPolicy, Value: rapid.Int32Range(1, 300).Draw(t, name+" percent"), PeriodSeconds: 30}},
			}
		}
		hpa.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: rules("up"), ScaleDown: rules("down")}
	}
	o := observed(start, rapid.SliceOfN(rapid.Int64Range(0, 400), 1, 40).Draw(t, "use")...)
	kept := o.Metrics[:0]
	for i, pod := range o.Pods {
		switch rapid.IntRange(0, 9).Draw(t, "state") {
		case 0:
			pod.Status.Phase = corev1.PodPending
		case 1:
			pod.DeletionTimestamp = ptr.To(metav1.NewTime(start))
		case 2:
			continue // no figure
		case 3:
			if rapid.IntRange(0, 5).Draw(t, "no request") == 0 {
				pod.Spec.Containers[0].Resources.Requests = nil
			}
		case 4:
			pod.Status.StartTime = ptr.To(metav1.NewTime(start.Add(-time.Minute)))
			pod.Status.Conditions[0].Status = corev1.ConditionFalse
		}
		kept = append(kept, o.Metrics[i])
	}
	o.Metrics = kept
	for range rapid.IntRange(0, 5).Draw(t, "changes") {
		at := start.Add(-time.Duration(rapid.IntRange(0, 120).Draw(t, "ago")) * time.Second)
		o.History.Changes = append(o.History.Changes, Change{at, rapid.Int32Range(-5, 5).Draw(t, "by")})
		o.History.Wanted = append(o.History.Wanted, Wanted{at, rapid.Int32Range(0, 60).Draw(t, "wanted")})
	}
	return hpa, o
}

func TestNeverOutOfRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hpa, o := anyState(t)
		if plan := Decide(hpa, o, start); plan.Replicas != nil && (*plan.Replicas < *hpa.Spec.MinReplicas || *plan.Replicas > hpa.Spec.MaxReplicas) {
			t.Fatalf("%d replicas of %d to %d", *plan.Replicas, *hpa.Spec.MinReplicas, hpa.Spec.MaxReplicas)
		}
	})
}

func TestTheOrderOfPodsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hpa, o := anyState(t)
		before := o.History.clone()
		plan := Decide(hpa, o, start)
		if diff := cmp.Diff(before, o.History); diff != "" {
			t.Fatalf("Decide changed what it was given: %s", diff)
		}
		random := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed")))
		random.Shuffle(len(o.Pods), func(i, j int) { o.Pods[i], o.Pods[j] = o.Pods[j], o.Pods[i] })
		random.Shuffle(len(o.Metrics), func(i, j int) { o.Metrics[i], o.Metrics[j] = o.Metrics[j], o.Metrics[i] })
		if diff := cmp.Diff(plan, Decide(hpa, o, start)); diff != "" {
			t.Fatalf("another order, another plan: %s", diff)
		}
	})
}

func TestNothingChangesWithinTheTolerance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := observed(start, rapid.SliceOfN(rapid.Int64Range(72, 88), 1, 30).Draw(t, "use")...)
		if plan := Decide(autoscaler(1, 30), o, start); plan.Replicas != nil {
			t.Fatalf("%d replicas, were %d", *plan.Replicas, o.Scale.Spec.Replicas)
		}
	})
}

// No growth beyond the larger of 4 Pods and 100% within 15 s, whatever was asked for and done before.
func TestNoGrowthBeyondTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hpa := autoscaler(1, 1000)
		replicas, history := int32(rapid.IntRange(1, 10).Draw(t, "replicas")), History{}
		sizes := []int32{replicas}
		for i := range 12 { // a look each 5 s
			now := start.Add(time.Duration(i) * 5 * time.Second)
			use := make([]int64, replicas)
			for j := range use {
				use[j] = rapid.Int64Range(0, 400).Draw(t, "use")
			}
			o := observed(now, use...)
			o.History = history
			plan := Decide(hpa, o, now)
			if plan.Replicas != nil {
				plan = plan.Scaled(hpa, nil, now)
			}
			replicas, history = sizeOf(o, plan), plan.History
			sizes = append(sizes, replicas)
			if begin := sizes[max(0, len(sizes)-4)]; replicas > max(2*begin, begin+4) {
				t.Fatalf("from %d to %d within 15 s: %v", begin, replicas, sizes)
			}
			replicas = min(replicas, 60) // few enough to be quick
			sizes[len(sizes)-1] = replicas
		}
	})
}
