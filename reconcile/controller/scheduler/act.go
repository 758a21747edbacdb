package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// bind writes the decision. If that fails the node is free again for others.
func (c *Controller) bind(ctx context.Context, pod *corev1.Pod, nodeName string) error {
	err := c.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: nodeName},
	}, metav1.CreateOptions{})
	if err == nil {
		c.recorder.Eventf(pod, corev1.EventTypeNormal, "Scheduled", "Successfully assigned %s/%s to %s", pod.Namespace, pod.Name, nodeName)
		c.log.Debug().Str("ns", pod.Namespace).Str("pod", pod.Name).Str("node", nodeName).Msg("bound")
		return nil
	}
	c.mu.Lock()
	if c.assumed[pod.UID] != "" { // else the informer has shown it bound, or gone
		c.forget(pod)
	}
	c.mu.Unlock()
	if apierrors.IsNotFound(err) {
		return nil // deleted meanwhile
	}
	c.recorder.Eventf(pod, corev1.EventTypeWarning, "FailedScheduling", "binding rejected: %v", err)
	return fmt.Errorf("bind to node %s: %w", nodeName, err)
}

// reportUnschedulable says on the Pod, and once in an event, why it has no node.
func (c *Controller) reportUnschedulable(ctx context.Context, pod *corev1.Pod, message, nominated string) error {
	c.mu.Lock()
	news := c.reported[pod.UID] != message
	c.reported[pod.UID] = message
	c.mu.Unlock()
	if news {
		c.recorder.Event(pod, corev1.EventTypeWarning, "FailedScheduling", message)
	}
	return c.writeStatus(ctx, pod, corev1.PodReasonUnschedulable, message, nominated)
}

// reportGated says on the Pod that it waits for its scheduling gates to be removed.
func (c *Controller) reportGated(ctx context.Context, pod *corev1.Pod) error {
	return c.writeStatus(ctx, pod, corev1.PodReasonSchedulingGated, "Scheduling is blocked due to non-empty scheduling gates", "")
}

// writeStatus sets the condition PodScheduled to False and the nominated node, if either is news.
func (c *Controller) writeStatus(ctx context.Context, pod *corev1.Pod, reason, message, nominated string) error {
	condition := corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: reason, Message: message,
		LastTransitionTime: metav1.NewTime(c.clock.Now()),
	}
	if old := conditionOf(pod, corev1.PodScheduled); old != nil && old.Status == condition.Status {
		if old.Reason == reason && old.Message == message && pod.Status.NominatedNodeName == nominated {
			return nil
		}
		condition.LastTransitionTime = old.LastTransitionTime
	}
	return c.patchStatus(ctx, pod, condition, &nominated)
}

// evict deletes the Pods that must make room, and says why on each. Those that are leaving anyway are left alone.
func (c *Controller) evict(ctx context.Context, preemptor *corev1.Pod, plan Preemption) error {
	var errs []error
	for _, victim := range plan.Victims {
		if victim.terminating {
			continue
		}
		if err := c.evictOne(ctx, preemptor, victim, plan.Node); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			c.mu.Lock()
			c.state.Pardon(victim)
			c.mu.Unlock()
			errs = append(errs, fmt.Errorf("evict pod %s/%s: %w", victim.Namespace, victim.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (c *Controller) evictOne(ctx context.Context, preemptor *corev1.Pod, victim *Pod, nodeName string) error {
	pod, err := c.pods.Pods(victim.Namespace).Get(victim.Name)
	if err != nil || pod.UID != victim.UID {
		return err
	}
	err = c.patchStatus(ctx, pod, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: corev1.PodReasonPreemptionByScheduler,
		Message:            corev1.DefaultSchedulerName + ": preempting to accommodate a higher priority pod",
		LastTransitionTime: metav1.NewTime(c.clock.Now()),
	}, nil)
	if err != nil {
		return err
	}
	err = c.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		Preconditions: metav1.NewUIDPreconditions(string(pod.UID)),
	})
	if err == nil {
		c.recorder.Eventf(pod, corev1.EventTypeNormal, "Preempted", "Preempted by pod %s on node %s", preemptor.UID, nodeName)
	}
	return err
}

// patchStatus merges one condition, and the nominated node unless that is nil, into the status of this very Pod.
func (c *Controller) patchStatus(ctx context.Context, pod *corev1.Pod, condition corev1.PodCondition, nominated *string) error {
	status := map[string]any{"conditions": []corev1.PodCondition{condition}}
	if nominated != nil && *nominated != pod.Status.NominatedNodeName {
		status["nominatedNodeName"] = *nominated
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": status})
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	_, err = c.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // deleted meanwhile, and perhaps made again
	}
	if err != nil {
		return fmt.Errorf("patch status: %w", err)
	}
	return nil
}

func conditionOf(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}
