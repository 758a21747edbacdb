package deployment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"coracle.dev/coracle/reconcile/controller"
)

const reasonScaling = "ScalingReplicaSet"

// execute carries a plan out. wait is when to tell the rest of the status, where that may wait.
func (c *Controller) execute(ctx context.Context, key cache.ObjectName, d *appsv1.Deployment, plan Plan) (wait time.Duration, err error) {
	if plan.Create != nil {
		if err := c.create(ctx, key, d, plan); err != nil {
			return 0, err
		}
	}
	for _, change := range plan.Change {
		if _, err := c.update(ctx, key, change.ReplicaSet); err != nil {
			return 0, fmt.Errorf("write replica set %s: %w", change.ReplicaSet.Name, err)
		}
		c.scaled(d, change.ReplicaSet.Name, change.From, change.To)
	}
	for _, rs := range plan.Delete {
		// The preconditions are for one that somebody scales up at this moment.
		options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &rs.UID, ResourceVersion: &rs.ResourceVersion}}
		err := c.client.AppsV1().ReplicaSets(key.Namespace).Delete(ctx, rs.Name, options)
		if err != nil && !apierrors.IsNotFound(err) {
			return 0, fmt.Errorf("delete replica set %s: %w", rs.Name, err)
		}
	}
	return c.tell(ctx, key, d, plan.Revision, plan.Status)
}

// create writes the plan's ReplicaSet. If its name is taken and it is not ours already, the next plan will have another name.
func (c *Controller) create(ctx context.Context, key cache.ObjectName, d *appsv1.Deployment, plan Plan) error {
	rs, err := c.client.AppsV1().ReplicaSets(key.Namespace).Create(ctx, plan.Create, metav1.CreateOptions{})
	switch {
	case apierrors.IsAlreadyExists(err):
		return c.taken(ctx, key, d, plan.Create)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil // nothing is left to do, nor anybody to tell
	case err != nil:
		refusal := fmt.Sprintf("Failed to create new replica set %q: %v", plan.Create.Name, err)
		c.recorder.Event(c.reference(d), corev1.EventTypeWarning, reasonCreateError, refusal)
		_, told := c.tell(ctx, key, d, d.Annotations[AnnotationRevision], createRefused(d, plan, refusal, c.clock.Now()))
		return errors.Join(fmt.Errorf("create replica set %s: %w", plan.Create.Name, err), told)
	}
	c.lag.Wrote(key, c.replicaSets.GetStore(), rs.ResourceVersion)
	c.scaled(d, rs.Name, 0, replicas(plan.Create))
	return nil
}

// taken decides what the ReplicaSet is that has the name already.
func (c *Controller) taken(ctx context.Context, key cache.ObjectName, d *appsv1.Deployment, wanted *appsv1.ReplicaSet) error {
	there, err := c.client.AppsV1().ReplicaSets(key.Namespace).Get(ctx, wanted.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("get replica set %s, which is in the way: %w", wanted.Name, err)
	}
	if metav1.IsControlledBy(there, d) && sameTemplate(&there.Spec.Template, &d.Spec.Template) {
		c.lag.Wrote(key, c.replicaSets.GetStore(), there.ResourceVersion)
		return nil // made by a former run of this process, whose news has not come yet
	}
	if _, err := c.tell(ctx, key, d, d.Annotations[AnnotationRevision], collided(d)); err != nil {
		return err
	}
	return fmt.Errorf("replica set %s exists and is another: taking the next hash", wanted.Name)
}

func (c *Controller) update(ctx context.Context, key cache.ObjectName, rs *appsv1.ReplicaSet) (*appsv1.ReplicaSet, error) {
	written, err := c.client.AppsV1().ReplicaSets(rs.Namespace).Update(ctx, rs, metav1.UpdateOptions{})
	if err == nil {
		c.lag.Wrote(key, c.replicaSets.GetStore(), written.ResourceVersion)
	}
	return written, err
}

// tell writes revision and status, in one request, if they differ from what is there. Where the change may wait it
// returns for how long.
func (c *Controller) tell(ctx context.Context, key cache.ObjectName, d *appsv1.Deployment, revision string, status appsv1.DeploymentStatus) (time.Duration, error) {
	sameRevision := d.Annotations[AnnotationRevision] == revision
	if sameRevision && apiequality.Semantic.DeepEqual(d.Status, status) {
		return 0, nil
	}
	if wait := c.pace.Wait(key); sameRevision && wait > 0 && mayWait(d.Status, status) {
		return wait, nil
	}
	updated := *d // clients do not change what they are given, so the rest is shared
	updated.Status = status
	if !sameRevision {
		updated.Annotations = maps.Clone(d.Annotations)
		metav1.SetMetaDataAnnotation(&updated.ObjectMeta, AnnotationRevision, revision)
	}
	written, err := c.client.AppsV1().Deployments(key.Namespace).UpdateStatus(ctx, &updated, metav1.UpdateOptions{})
	if err != nil {
		return 0, fmt.Errorf("write status of deployment %s: %w", key, err)
	}
	c.lag.Wrote(key, c.deployments.GetStore(), written.ResourceVersion)
	c.pace.Wrote(key)
	c.logProgress(d, &updated)
	return 0, nil
}

// logProgress is one line where a rollout begins, ends, is held, or gets stuck; its steps are in the events.
func (c *Controller) logProgress(before, after *appsv1.Deployment) {
	was, is := find(before.Status.Conditions, appsv1.DeploymentProgressing), find(after.Status.Conditions, appsv1.DeploymentProgressing)
	if is == nil || is.Reason == reasonUpdated || was != nil && was.Reason == is.Reason && was.Message == is.Message {
		return
	}
	event := c.log.Info()
	if is.Status == corev1.ConditionFalse {
		event = c.log.Warn()
	}
	event.Str("ns", after.Namespace).Str("app", after.Name).Str("revision", after.Annotations[AnnotationRevision]).
		Str("commit", after.Annotations[controller.AnnotationCommit]).Str("reason", is.Reason).Msg("rollout")
}

// scaled tells of another number of replicas.
func (c *Controller) scaled(d *appsv1.Deployment, name string, from, to int32) {
	switch {
	case to > from:
		c.recorder.Eventf(c.reference(d), corev1.EventTypeNormal, reasonScaling, "Scaled up replica set %s from %d to %d", name, from, to)
	case to < from:
		c.recorder.Eventf(c.reference(d), corev1.EventTypeNormal, reasonScaling, "Scaled down replica set %s from %d to %d", name, from, to)
	}
}

func (c *Controller) reference(d *appsv1.Deployment) *corev1.ObjectReference {
	return controller.Reference(d, kind)
}
