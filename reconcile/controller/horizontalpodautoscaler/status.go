package horizontalpodautoscaler

import (
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (d *decision) event(kind, reason, message string) {
	d.plan.Events = append(slices.Clip(d.plan.Events), Event{Type: kind, Reason: reason, Message: message})
}

// condition sets one. Its time is that of the last change of its status.
func (d *decision) condition(kind autoscalingv2.HorizontalPodAutoscalerConditionType, status corev1.ConditionStatus, reason, message string) {
	fresh := autoscalingv2.HorizontalPodAutoscalerCondition{
		Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(d.now), ObservedGeneration: &d.hpa.Generation,
	}
	conditions := slices.Clone(d.plan.Status.Conditions)
	at := slices.IndexFunc(conditions, func(c autoscalingv2.HorizontalPodAutoscalerCondition) bool { return c.Type == kind })
	if at < 0 {
		d.plan.Status.Conditions = append(conditions, fresh)
		return
	}
	if conditions[at].Status == status {
		fresh.LastTransitionTime = conditions[at].LastTransitionTime
	}
	conditions[at] = fresh
	d.plan.Status.Conditions = conditions
}

func timeOf(t time.Time) *metav1.Time {
	at := metav1.NewTime(t)
	return &at
}
