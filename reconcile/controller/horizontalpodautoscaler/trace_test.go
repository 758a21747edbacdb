package horizontalpodautoscaler

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/utils/ptr"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// step is a load, in thousandths of a core for all Pods together, from a time on.
type step struct {
	from time.Duration
	load int64
}

// play runs an autoscaler over a load whose Pods are ready at once, a look each 15 s, and writes a line wherever something changes.
func play(hpa *autoscalingv2.HorizontalPodAutoscaler, replicas int32, steps []step, length time.Duration) string {
	var trace strings.Builder
	var history History
	var before string
	for at := time.Duration(0); at <= length; at += DefaultPeriod {
		load, now := int64(0), start.Add(at)
		for _, s := range steps {
			if s.from <= at {
				load = s.load
			}
		}
		shares := make([]int64, replicas)
		for i := range shares {
			shares[i] = load / int64(replicas)
		}
		o := observed(now, shares...)
		o.History = history
		plan := Decide(hpa, o, now)
		if plan.Replicas != nil {
			plan = plan.Scaled(hpa, nil, now)
		}
		history, hpa.Status = plan.History, plan.Status
		size := sizeOf(o, plan)
		line := fmt.Sprintf("load %5dm, %3d%% each: %2d → %2d ", load, shares[0], replicas, size)
		if plan.Reason != "" {
			line += plan.Reason + "; "
		}
		var reasons []string
		for _, c := range plan.Status.Conditions {
			reasons = append(reasons, c.Reason)
		}
		if line += strings.Join(reasons, ", "); line != before {
			fmt.Fprintf(&trace, "%6s %s\n", at, line)
		}
		before, replicas = line, size
	}
	return trace.String()
}

func TestLoadsOverTime(t *testing.T) {
	minute := time.Minute
	day := []step{{0, 100}, {minute, 4000}, {4 * minute, 200}, {5 * minute, 1000}, {12 * minute, 0}}
	for name, c := range map[string]struct {
		change   func(*autoscalingv2.HorizontalPodAutoscaler)
		replicas int32
	}{
		"default": {func(*autoscalingv2.HorizontalPodAutoscaler) {}, 2},
		"slow up, slow down": {func(hpa *autoscalingv2.HorizontalPodAutoscaler) {
			hpa.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{
				ScaleUp: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](60),
					Policies: []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PodsScalingPolicy, Value: 3, PeriodSeconds: 60}}},
				ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](0), SelectPolicy: ptr.To(autoscalingv2.MinChangePolicySelect),
					Policies: []autoscalingv2.HPAScalingPolicy{
						{Type: autoscalingv2.PercentScalingPolicy, Value: 50, PeriodSeconds: 60}, {Type: autoscalingv2.PodsScalingPolicy, Value: 2, PeriodSeconds: 60}}},
			}
		}, 2},
		"never down": {func(hpa *autoscalingv2.HorizontalPodAutoscaler) {
			hpa.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{SelectPolicy: ptr.To(autoscalingv2.DisabledPolicySelect)}}
		}, 2},
		"out of range": {func(hpa *autoscalingv2.HorizontalPodAutoscaler) { hpa.Spec.MinReplicas = ptr.To[int32](10) }, 40},
	} {
		t.Run(name, func(t *testing.T) {
			hpa := autoscaler(2, 30)
			c.change(hpa)
			got := play(hpa, c.replicas, day, 20*minute)
			file := filepath.Join("testdata", strings.NewReplacer(" ", "-", ",", "").Replace(name)+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}
