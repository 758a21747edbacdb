package resourcequota

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"

	"coracle.dev/coracle/reconcile/api/quota"
	"coracle.dev/coracle/reconcile/controller"
)

// settle is how long after it was charged a quota may count an object that no cache shows yet.
const settle = time.Second

// Objects are all of one resource in the quota's namespace, in any order.
type Objects struct {
	Meter quota.Meter
	Items []runtime.Object
}

// Count adds up what the objects use of the amounts that the quota bounds. next is when a Pod will stop counting without
// any change, after now; zero if none will.
func Count(spec *corev1.ResourceQuotaSpec, objects []Objects, now time.Time) (used corev1.ResourceList, next time.Time) {
	used = corev1.ResourceList{}
	for name := range spec.Hard {
		used[name] = resource.Quantity{Format: resource.DecimalSI}
	}
	for _, each := range objects {
		if !tracks(each.Meter, spec) {
			continue
		}
		for _, obj := range each.Items {
			if !each.Meter.InScopes(obj, spec) {
				continue
			}
			amounts := each.Meter.Usage(obj, now)
			maps.DeleteFunc(amounts, func(name corev1.ResourceName, _ resource.Quantity) bool {
				_, bounded := spec.Hard[name]
				return !bounded
			})
			quota.Add(used, amounts)
			if pod, ok := obj.(*corev1.Pod); ok {
				if gone, leaving := quota.Gone(pod); leaving && gone.After(now) && (next.IsZero() || gone.Before(next)) {
					next = gone
				}
			}
		}
	}
	return used, next
}

// tracks reports whether objects of the resource can use any of what the quota bounds.
func tracks(meter quota.Meter, spec *corev1.ResourceQuotaSpec) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(spec.Hard)), meter.Tracks)
}

// Plan is what to do about one quota.
type Plan struct {
	// Status is what to write; nil is nothing.
	Status *corev1.ResourceQuotaStatus
	// After is when to decide again, if nothing happens before; 0 is never.
	After time.Duration
}

// Decide compares the status with what was counted. charged is when the quota was last seen to be charged.
func Decide(q *corev1.ResourceQuota, counted corev1.ResourceList, next, charged, now time.Time) Plan {
	var plan Plan
	if !next.IsZero() {
		plan.After = next.Sub(now) + time.Millisecond // strictly after
	}
	wait := charged.Add(settle).Sub(now)
	used := corev1.ResourceList{}
	for name, amount := range counted {
		if before, there := q.Status.Used[name]; there && amount.Cmp(before) < 0 && wait > 0 {
			amount = before
			plan.After = controller.Soonest(plan.After, wait)
		}
		used[name] = amount
	}
	if !quota.Equal(q.Status.Hard, q.Spec.Hard) || !quota.Equal(q.Status.Used, used) {
		plan.Status = &corev1.ResourceQuotaStatus{Hard: q.Spec.Hard, Used: used}
	}
	return plan
}
