package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
	"coracle.dev/coracle/reconcile/manifest"
)

// publish writes the status, if it changed.
func (a *application) publish(ctx context.Context) {
	if a.app == nil {
		return
	}
	now := a.loop.Clock.Now()
	status := statusFor(a.app.Status, a.facts, now)
	if !a.facts.syncing && a.facts.observed != nil {
		status.History = recordHealth(status.History, a.facts.health.Health, now)
	}
	if apiequality.Semantic.DeepEqual(status, a.written) {
		a.timers.write = time.Time{}
		return
	}
	if wait := a.wroteAt.Add(statusInterval); wait.After(now) && onlyWords(a.written, status) {
		a.timers.write = wait
		return
	}
	a.timers.write = time.Time{}
	body, err := json.Marshal([]map[string]any{{"op": "add", "path": "/status", "value": status}})
	if err == nil {
		_, err = a.loop.Client.Resource(v1alpha1.ApplicationResource).Namespace(a.app.Namespace).
			Patch(ctx, a.app.Name, types.JSONPatchType, body, metav1.PatchOptions{FieldManager: Manager}, "status")
	}
	switch {
	case err == nil:
		a.tellConditions(a.app.Status, status)
		a.app.Status, a.wroteAt = status, now
		a.written = *status.DeepCopy()
	case apierrors.IsNotFound(err) || ctx.Err() != nil:
	default:
		a.log.Warn().Err(err).Msg("status cannot be written")
		a.timers.write = now.Add(longestRetry / 10)
	}
}

// onlyWords says whether two states differ in no more than messages and numbers, as they do all the time in a rollout.
func onlyWords(old, fresh v1alpha1.ApplicationStatus) bool {
	plain := func(status v1alpha1.ApplicationStatus) v1alpha1.ApplicationStatus {
		status = *status.DeepCopy()
		status.Message, status.Objects = "", v1alpha1.ObjectCounts{}
		for i := range status.Conditions {
			status.Conditions[i].Message = ""
		}
		return status
	}
	return apiequality.Semantic.DeepEqual(plain(old), plain(fresh))
}

// tellConditions logs what an operator wants to see: that the state changed.
func (a *application) tellConditions(old, fresh v1alpha1.ApplicationStatus) {
	if old.Sync != fresh.Sync || old.Health != fresh.Health {
		a.log.Info().Str("sync", fresh.Sync).Str("health", fresh.Health).Str("commit", Revision{ID: fresh.ObservedRevision}.Short()).Msg(fresh.Message)
	}
}

func (a *application) warn(reason, message string) {
	a.loop.events.Event(applicationReference(a.app), corev1.EventTypeWarning, reason, message)
}

// tellOutcome makes the events of a sync. A failure that stays is told once.
func (a *application) tellOutcome(outcome Outcome) {
	now := map[string]bool{}
	tell := func(reason, message string) {
		if now[message] = true; !a.told[message] {
			a.log.Warn().Str("commit", a.loaded.revision.Short()).Str("reason", reason).Msg(message)
			a.warn(reason, message)
		}
	}
	for _, problem := range a.loaded.problems {
		tell(EventLoadFailed, problem)
	}
	for _, item := range outcome.Failed {
		tell(EventApplyFailed, item.Key.String()+": "+item.Reason)
	}
	a.told = now
	drifted := a.loop.Clock.Now()
	for _, item := range outcome.Applied {
		if item.Drift {
			a.corrected(item, drifted)
		}
	}
	if changes := changesOf(outcome); changes.Total > 0 {
		a.loop.events.Event(applicationReference(a.app), corev1.EventTypeNormal, EventSynced, fmt.Sprintf("%s %s: %d created, %d changed, %d pruned",
			a.loaded.revision.Short(), a.loaded.revision.Subject, len(changes.Created), len(changes.Changed), len(changes.Pruned)))
	}
	for _, item := range outcome.Pruned {
		a.log.Info().Str("object", item.Key.String()).Str("reason", item.Reason).Msg("pruned")
	}
}

// widenMembership notes on the Application, before anything is applied, what will be found of it: whoever reads the ApplySet in the
// middle of a sync must find all members.
func (a *application) widenMembership(ctx context.Context, plan Plan) error {
	coming := membershipOf(a.app.Namespace, objectsOf(plan, nil))
	return a.setMembership(ctx, a.membership.union(coming))
}

func (a *application) setMembership(ctx context.Context, m membership) error {
	a.membership = m
	annotations := m.annotations()
	same := a.app.Labels[setIDLabel] == a.setID
	for key, value := range annotations {
		same = same && a.app.Annotations[key] == value
	}
	if same {
		return nil
	}
	patch := map[string]any{"metadata": map[string]any{"labels": map[string]string{setIDLabel: a.setID}, "annotations": annotations}}
	body, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	_, err = a.loop.Client.Resource(v1alpha1.ApplicationResource).Namespace(a.app.Namespace).
		Patch(ctx, a.app.Name, types.MergePatchType, body, metav1.PatchOptions{FieldManager: Manager})
	if err != nil {
		return fmt.Errorf("note what is applied on the application: %w", err)
	}
	a.app.Labels = labels.Merge(a.app.Labels, labels.Set{setIDLabel: a.setID})
	a.app.Annotations = labels.Merge(a.app.Annotations, annotations)
	return nil
}

// checkHealth judges all objects. While something is not healthy it looks again soon, for what Pods say is seen on no object
// of the source.
func (a *application) checkHealth(ctx context.Context) {
	now := a.loop.Clock.Now()
	a.timers.health = time.Time{}
	if a.facts.observed == nil {
		return
	}
	known, err := a.loop.Cluster.known()
	if err != nil {
		return
	}
	objects, err := a.loop.watches.members(ctx, known.resourcesOf(a.loaded.objects, nil), a.setID)
	if err != nil {
		return
	}
	live := make(map[manifest.Key]*unstructured.Unstructured, len(objects))
	for _, object := range objects {
		live[manifest.KeyOf(object)] = object
	}
	keys := make([]manifest.Key, len(a.loaded.objects))
	health := make(map[manifest.Key]Health, len(keys))
	for i, object := range a.loaded.objects {
		keys[i] = object.Key
		health[object.Key] = a.healthOf(object.Key, live[object.Key])
		if a.behind(object.Key, live[object.Key]) {
			health[object.Key] = Health{v1alpha1.HealthProgressing, object.Name + ": was just applied"}
		}
		if state := health[object.Key]; state.State != v1alpha1.HealthHealthy {
			if trouble := a.loop.Cluster.podTrouble(ctx, live[object.Key]); trouble != "" {
				state.Message += "; " + trouble
				health[object.Key] = state
			}
		}
	}
	a.facts.health = summarise(keys, health)
	if a.facts.health.State != v1alpha1.HealthHealthy {
		a.timers.health = now.Add(healthEvery)
	}
}

// wrote takes down the versions that the watches have yet to show.
func (a *application) wrote(outcome Outcome) {
	for _, item := range outcome.Applied {
		a.newest[item.Key] = item.live.GetResourceVersion()
	}
}

// behind says whether the watch has not shown yet what was written, so that what it shows is no news of its health.
func (a *application) behind(key manifest.Key, live *unstructured.Unstructured) bool {
	version, pending := a.newest[key]
	if !pending {
		return false
	}
	if live != nil {
		if order, err := resourceversion.CompareResourceVersion(live.GetResourceVersion(), version); err != nil || order >= 0 {
			delete(a.newest, key)
			return false
		}
	}
	return true
}

// healthOf remembers the verdict on an object that has not changed.
func (a *application) healthOf(key manifest.Key, live *unstructured.Unstructured) Health {
	if live == nil {
		return healthOf(key, nil)
	}
	version := live.GetResourceVersion()
	if known, ok := a.judged[key]; ok && known.version == version {
		return known.health
	}
	health := healthOf(key, live)
	a.judged[key] = judgement{version, health}
	return health
}

type judgement struct {
	version string
	health  Health
}

// podTrouble asks the Pods of a workload what keeps them.
func (c *Cluster) podTrouble(ctx context.Context, workload *unstructured.Unstructured) string {
	if workload == nil {
		return ""
	}
	raw, found, err := unstructured.NestedStringMap(workload.Object, "spec", "selector", "matchLabels")
	known, kindsErr := c.known()
	if err != nil || !found || len(raw) == 0 || kindsErr != nil {
		return ""
	}
	pods, ok := known.byKind[corev1.SchemeGroupVersion.WithKind("Pod")]
	if !ok {
		return ""
	}
	trouble := ""
	// A failure to list is no news of the workload; the next look will do.
	_ = c.list(ctx, pods, workload.GetNamespace(), labels.SelectorFromSet(raw).String(), func(pod *unstructured.Unstructured) {
		if text := podTrouble(pod); text != "" && trouble == "" {
			trouble = text
		}
	})
	return trouble
}
