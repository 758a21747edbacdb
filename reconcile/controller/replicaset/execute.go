package replicaset

import (
	"context"
	"fmt"
	"sync/atomic"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"coracle.dev/coracle/reconcile/controller"
)

// execute carries a plan out as far as the API lets it. The error, if any, is the Failure of the outcome.
func (c *Controller) execute(ctx context.Context, key cache.ObjectName, rs *appsv1.ReplicaSet, plan Plan) (Outcome, error) {
	outcome := Outcome{}
	created, err := c.createPods(ctx, key, rs, plan.Create)
	outcome.Created = created
	if err != nil {
		outcome.Failure = &Failure{reasonFailedCreate, err.Error()}
		return outcome, fmt.Errorf("create pods of %s %s: %w", c.kind.Kind, key, err)
	}
	deleted, err := c.deletePods(ctx, key, rs, plan.Delete)
	if err != nil {
		outcome.Failure = &Failure{reasonFailedDelete, err.Error()}
		return outcome, fmt.Errorf("delete pods of %s %s: %w", c.kind.Kind, key, err)
	}
	if created+deleted > 0 {
		c.log.Debug().Str("ns", key.Namespace).Str("owner", key.Name).Int("created", created).Int("deleted", deleted).
			Str("commit", rs.Annotations[controller.AnnotationCommit]).Msg("pods")
	}
	return outcome, nil
}

// createPods returns how many of count it created, and the first error. That the namespace is going away is none: there
// is nothing left to do, nor anybody to tell.
func (c *Controller) createPods(ctx context.Context, key cache.ObjectName, rs *appsv1.ReplicaSet, count int) (int, error) {
	var created atomic.Int64
	about, owner := controller.Reference(rs, c.kind.GroupVersionKind), c.ref(rs)
	_, err := controller.SlowStart(count, func(int) error {
		pod, err := c.client.CoreV1().Pods(rs.Namespace).Create(ctx, newPod(rs, owner), metav1.CreateOptions{})
		switch {
		case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
			return nil
		case err != nil:
			c.recorder.Eventf(about, corev1.EventTypeWarning, reasonFailedCreate, "Error creating: %v", err)
			return err
		}
		created.Add(1)
		c.lag.Wrote(key, c.pods.GetStore(), pod.ResourceVersion)
		c.recorder.Eventf(about, corev1.EventTypeNormal, reasonSuccessfulCreate, "Created pod: %v", pod.Name)
		return nil
	})
	return int(created.Load()), err
}

// deletePods returns how many it deleted, and the first error. One that is gone, or whose name another Pod has now, is none.
func (c *Controller) deletePods(ctx context.Context, key cache.ObjectName, rs *appsv1.ReplicaSet, pods []*corev1.Pod) (int, error) {
	about := controller.Reference(rs, c.kind.GroupVersionKind)
	return controller.Together(len(pods), func(i int) error {
		pod := pods[i]
		err := c.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, *metav1.NewPreconditionDeleteOptions(string(pod.UID)))
		gone := apierrors.IsNotFound(err) || apierrors.IsConflict(err)
		if err != nil && !gone {
			c.recorder.Eventf(about, corev1.EventTypeWarning, reasonFailedDelete, "Error deleting: %v", err)
			return err
		}
		c.lag.Deleted(key, pod.UID)
		if !gone {
			c.recorder.Eventf(about, corev1.EventTypeNormal, reasonSuccessfulDelete, "Deleted pod: %v", pod.Name)
		}
		return nil
	})
}
