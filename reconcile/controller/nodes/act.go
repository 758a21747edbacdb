package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"coracle.dev/coracle/reconcile/controller"
)

var everything = labels.Everything()

// pulseShare of the grace period is how often the controller looks whether it has slept.
const pulseShare = 8

func (c *Controller) reconcile(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	if c.heard.look(c.clock.Now(), c.grace/2) {
		c.log.Warn().Msg("this process has slept: every node is given its time anew")
	}
	switch {
	case key == pulse:
		return c.grace / pulseShare, nil
	case key.Namespace == "":
		return c.reconcileNode(ctx, key.Name)
	}
	return c.reconcilePod(ctx, key)
}

// reconcileNode writes what PlanNode says.
func (c *Controller) reconcileNode(ctx context.Context, name string) (time.Duration, error) {
	node, err := c.lister.Get(name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("get node: %w", err)
	}
	plan := c.plan(node)
	if plan.Status {
		if err := c.writeConditions(ctx, plan.Node); err != nil {
			return 0, err
		}
	}
	if plan.Spec {
		if _, err := c.client.CoreV1().Nodes().Update(ctx, plan.Node, metav1.UpdateOptions{}); err != nil {
			return 0, fmt.Errorf("update taints: %w", err)
		}
	}
	if plan.Lost {
		return plan.After, c.markPods(ctx, name)
	}
	return plan.After, nil
}

// plan plans until it has the turn that the plan takes, or takes none.
func (c *Controller) plan(node *corev1.Node) NodePlan {
	for {
		now := c.clock.Now()
		plan := PlanNode(node, c.heard.last(node.Name), now, c.grace, c.fleet.pace(node))
		if !plan.Expels || c.fleet.take(node, now) {
			return plan
		}
	}
}

// writeConditions says that a node is lost. The node given has the new resource version afterwards.
func (c *Controller) writeConditions(ctx context.Context, node *corev1.Node) error {
	written, err := c.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
	if err != nil {
		return fmt.Errorf("update conditions: %w", err)
	}
	node.ResourceVersion = written.ResourceVersion
	c.recorder.Eventf(node, corev1.EventTypeNormal, "NodeNotReady", "Node %s status is now: NodeNotReady", node.Name)
	c.log.Warn().Str("node", node.Name).Dur("silent", c.grace).Msg("node lost")
	return nil
}

// markPods says that the Pods of a lost node are not ready, so that nobody sends them traffic.
func (c *Controller) markPods(ctx context.Context, nodeName string) error {
	var errs []error
	for _, pod := range c.podsOn(nodeName) {
		marked, changed := notReady(pod, c.clock.Now())
		if !changed {
			continue
		}
		_, err := c.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, marked, metav1.UpdateOptions{})
		switch {
		case err == nil:
			c.recorder.Event(pod, corev1.EventTypeWarning, "NodeNotReady", "Node is not ready")
		case !apierrors.IsNotFound(err):
			errs = append(errs, fmt.Errorf("mark pod %s/%s: %w", pod.Namespace, pod.Name, err))
		}
	}
	return errors.Join(errs...)
}

// notReady is the Pod with Ready=False, and whether it was not so.
func notReady(pod *corev1.Pod, now time.Time) (*corev1.Pod, bool) {
	for i, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			marked := pod.DeepCopy()
			marked.Status.Conditions[i].Status = corev1.ConditionFalse
			marked.Status.Conditions[i].LastTransitionTime = metav1.NewTime(now)
			return marked, true
		}
	}
	return nil, false
}

// reconcilePod does what PlanPod says.
func (c *Controller) reconcilePod(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	obj, exists, err := c.pods.GetIndexer().GetByKey(key.String())
	if err != nil || !exists {
		return 0, err
	}
	pod, now := obj.(*corev1.Pod), c.clock.Now()
	if pod.Spec.NodeName == "" {
		return 0, nil
	}
	var s Surroundings
	switch node, err := c.lister.Get(pod.Spec.NodeName); {
	case err == nil:
		s = c.fleet.around(node)
	case apierrors.IsNotFound(err):
		s = Surroundings{Gone: c.fleet.goneSince(pod.Spec.NodeName, now), Quarantine: c.quarantine}
	default:
		return 0, fmt.Errorf("get node: %w", err)
	}
	plan := PlanPod(pod, s, now)
	if !plan.Delete {
		return plan.After, nil
	}
	if s.Node == nil {
		// A cache may lag behind a node that has just registered, and what follows cannot be undone.
		_, err := c.client.CoreV1().Nodes().Get(ctx, pod.Spec.NodeName, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return c.quarantine, err
		}
	}
	return 0, c.remove(ctx, pod, plan, now)
}

// remove says on the Pod why it goes, and deletes it.
func (c *Controller) remove(ctx context.Context, pod *corev1.Pod, plan PodPlan, now time.Time) error {
	status := map[string]any{"conditions": []corev1.PodCondition{{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: plan.Reason, Message: plan.Message, LastTransitionTime: metav1.NewTime(now),
	}}}
	if plan.Force && !controller.PodFinished(pod) {
		status["phase"] = corev1.PodFailed // whoever counts it must not take it for running
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": status})
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	pods := c.client.CoreV1().Pods(pod.Namespace)
	if _, err := pods.Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil // deleted meanwhile, and perhaps made again
		}
		return fmt.Errorf("patch status: %w", err)
	}
	options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}
	if plan.Force {
		options.GracePeriodSeconds = new(int64)
	} else {
		c.recorder.Eventf(pod, corev1.EventTypeNormal, "TaintManagerEviction", "Marking for deletion Pod %s/%s", pod.Namespace, pod.Name)
	}
	if err := pods.Delete(ctx, pod.Name, options); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete pod: %w", err)
	}
	c.log.Info().Str("ns", pod.Namespace).Str("pod", pod.Name).Str("node", pod.Spec.NodeName).Str("reason", plan.Reason).Msg("pod removed")
	return nil
}
