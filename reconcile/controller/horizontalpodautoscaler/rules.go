package horizontalpodautoscaler

import (
	"math"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// History is what a decision knows of those before it. It is kept in memory: after a restart it begins with the size that is there.
type History struct {
	Wanted  []Wanted // sizes that the metrics called for, oldest first
	Changes []Change // of the scale, oldest first
}

// Wanted is a size that the metrics called for at a time.
type Wanted struct {
	At       time.Time
	Replicas int32
}

// Change is by how many replicas the scale was changed at a time.
type Change struct {
	At time.Time
	By int32
}

const (
	longestWindow = time.Hour        // that a stabilization may have
	longestPeriod = 30 * time.Minute // that a policy may have
)

func (h History) clone() History {
	return History{Wanted: slices.Clone(h.Wanted), Changes: slices.Clone(h.Changes)}
}

// begin takes the present size as the first that is wanted: after a restart nothing shrinks at once.
func (h *History) begin(current int32, now time.Time) {
	if len(h.Wanted) == 0 {
		h.Wanted = []Wanted{{now, current}}
	}
}

// want drops what no window reaches any more.
func (h *History) want(replicas int32, now time.Time) {
	h.Wanted = slices.DeleteFunc(h.Wanted, func(w Wanted) bool { return now.Sub(w.At) > longestWindow })
	h.Wanted = append(h.Wanted, Wanted{now, replicas})
}

func (h *History) changed(from, to int32, now time.Time) {
	h.Changes = slices.DeleteFunc(h.Changes, func(c Change) bool { return now.Sub(c.At) > longestPeriod })
	h.Changes = append(h.Changes, Change{now, to - from})
}

// since sums up what was added and removed in the last seconds.
func (h *History) since(seconds int32, now time.Time) (added, removed int32) {
	for _, c := range h.Changes {
		if now.Sub(c.At) >= time.Duration(seconds)*time.Second {
			continue
		}
		added += max(0, c.By)
		removed += max(0, -c.By)
	}
	return added, removed
}

// rules are those of the spec, or the documented ones: up by 4 or 100% in 15 s, down to the most of the last 5 minutes. The API
// server has filled what a stated behavior leaves open.
func rules(hpa *autoscalingv2.HorizontalPodAutoscaler) (up, down autoscalingv2.HPAScalingRules) {
	up = autoscalingv2.HPAScalingRules{Policies: []autoscalingv2.HPAScalingPolicy{
		{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15}, {Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
	}}
	down = autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](300), Policies: []autoscalingv2.HPAScalingPolicy{
		{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
	}}
	if behavior := hpa.Spec.Behavior; behavior != nil {
		up, down = ptr.Deref(behavior.ScaleUp, up), ptr.Deref(behavior.ScaleDown, down)
	}
	return up, down
}

// bound is the size nearest to the wanted one that rules and range allow.
func (d *decision) bound(current, wanted, least, most int32) int32 {
	up, down := rules(d.hpa)
	stable := d.stabilize(up, down, current, wanted)
	reason, message := "ReadyForNewScale", "recommended size matches current size"
	switch {
	case stable == wanted:
	case wanted >= current:
		reason, message = "ScaleUpStabilized", "recent recommendations were lower than current one, applying the lowest recent recommendation"
	default:
		reason, message = "ScaleDownStabilized", "recent recommendations were higher than current one, applying the highest recent recommendation"
	}
	d.condition(autoscalingv2.AbleToScale, corev1.ConditionTrue, reason, message)

	allowed, status := stable, corev1.ConditionFalse
	reason, message = "DesiredWithinRange", "the desired count is within the acceptable range"
	switch {
	case stable > current:
		if limit := max(current, d.highest(up, current)); limit < most {
			if stable > limit {
				allowed, reason, message = limit, "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate"
			}
		} else if stable > most {
			allowed, reason, message = most, "TooManyReplicas", "the desired replica count is more than the maximum replica count"
		}
	case stable < current:
		if limit := min(current, d.lowest(down, current)); limit > least {
			if stable < limit {
				allowed, reason, message = limit, "ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate"
			}
		} else if stable < least {
			allowed, reason, message = least, "TooFewReplicas", "the desired replica count is less than the minimum replica count"
		}
	}
	if allowed != stable {
		status = corev1.ConditionTrue
	}
	d.condition(autoscalingv2.ScalingLimited, status, reason, message)
	return allowed
}

// stabilize grows to the least that was wanted in the window of growing, and shrinks to the most in that of shrinking.
func (d *decision) stabilize(up, down autoscalingv2.HPAScalingRules, current, wanted int32) int32 {
	within := func(w Wanted, rules autoscalingv2.HPAScalingRules) bool {
		return d.now.Sub(w.At) < time.Duration(ptr.Deref(rules.StabilizationWindowSeconds, 0))*time.Second
	}
	growTo, shrinkTo := wanted, wanted
	for _, w := range d.plan.History.Wanted {
		if within(w, up) {
			growTo = min(growTo, w.Replicas)
		}
		if within(w, down) {
			shrinkTo = max(shrinkTo, w.Replicas)
		}
	}
	d.plan.History.want(wanted, d.now)
	return min(max(current, growTo), shrinkTo)
}

// highest is how far the policies let it grow now. What was done within a policy's period counts against it.
func (d *decision) highest(rules autoscalingv2.HPAScalingRules, current int32) int32 {
	return d.furthest(rules, current, 1, func(policy autoscalingv2.HPAScalingPolicy, start int32) float64 {
		if policy.Type == autoscalingv2.PodsScalingPolicy {
			return float64(start) + float64(policy.Value)
		}
		return math.Ceil(float64(start) * (1 + float64(policy.Value)/100))
	})
}

// lowest is how far the policies let it shrink now.
func (d *decision) lowest(rules autoscalingv2.HPAScalingRules, current int32) int32 {
	return d.furthest(rules, current, -1, func(policy autoscalingv2.HPAScalingPolicy, start int32) float64 {
		if policy.Type == autoscalingv2.PodsScalingPolicy {
			return float64(start) - float64(policy.Value)
		}
		return math.Trunc(float64(start) * (1 - float64(policy.Value)/100))
	})
}

// furthest is the policy of the greatest change, or of the least where selectPolicy says so; direction is 1 for up and -1 for down.
func (d *decision) furthest(rules autoscalingv2.HPAScalingRules, current, direction int32, limit func(autoscalingv2.HPAScalingPolicy, int32) float64) int32 {
	selected := ptr.Deref(rules.SelectPolicy, autoscalingv2.MaxChangePolicySelect)
	if selected == autoscalingv2.DisabledPolicySelect || len(rules.Policies) == 0 {
		return current
	}
	var limits []int32
	for _, policy := range rules.Policies {
		added, removed := d.plan.History.since(policy.PeriodSeconds, d.now)
		limits = append(limits, int32(min(math.MaxInt32, max(0, limit(policy, current-added+removed)))))
	}
	if (selected == autoscalingv2.MinChangePolicySelect) == (direction > 0) {
		return slices.Min(limits)
	}
	return slices.Max(limits)
}
