package reconcile

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/reconcile/manifest"
)

// correctDrift compares the objects that changed in the cluster with their manifests, and puts back those that differ.
// Objects in a fight are left for later.
func (a *application) correctDrift(ctx context.Context, changed map[manifest.Key]bool) {
	now := a.loop.Clock.Now()
	only := a.dueFights(now)
	for key := range changed {
		if until := a.fights.pausedUntil(key); until.After(now) {
			a.postpone(until)
			continue
		}
		only[key] = true
	}
	if len(only) == 0 || a.loaded.revision.ID == "" {
		return
	}
	plan, err := a.planner().plan(ctx, request{app: a.app, revision: a.loaded.revision, desired: a.loaded.objects,
		problems: a.loaded.problems, applied: a.applied, before: a.membership.kinds, only: only})
	if err != nil {
		if ctx.Err() == nil {
			a.log.Warn().Err(err).Msg("drift cannot be looked for")
			a.retryLater()
		}
		return
	}
	if plan.Empty() {
		return
	}
	a.attribute(ctx, plan)
	outcome := executor{cluster: a.loop.Cluster, setID: a.setID, stamps: a.stamps}.run(ctx, plan)
	a.wrote(outcome)
	for _, item := range outcome.Applied {
		a.corrected(item, now)
	}
	if len(outcome.Failed) > 0 {
		a.facts.failed = outcome.Failed
		a.tellOutcome(Outcome{Failed: outcome.Failed})
		a.retryLater()
	}
}

// corrected tells of one correction, and notes it in case it comes back.
func (a *application) corrected(item Item, now time.Time) {
	driftTotal.WithLabelValues(a.name).Inc()
	paths := make([]string, len(item.Fields))
	changes := make([]string, len(item.Fields))
	for i, field := range item.Fields {
		paths[i] = field.Path
		changes[i] = fmt.Sprintf("%s %s → %s", field.Path, orNone(field.Old), orNone(field.New))
	}
	what := item.Key.String() + " " + item.Reason
	if len(changes) > 0 {
		what += ": " + shortList(changes, 5)
	}
	a.log.Info().Str("object", item.Key.String()).Str("reason", item.Reason).Strs("fields", paths).Msg("drift corrected")
	a.loop.events.Event(applicationReference(a.app), corev1.EventTypeNormal, EventDriftCorrected, what)
	a.loop.events.Event(itemReference(item), corev1.EventTypeNormal, EventDriftCorrected, "put back as the source has it: "+what)

	count, next := a.fights.corrected(item.Key, strings.Join(paths, ","), now)
	if next.After(now) {
		a.postpone(next)
		a.warn(EventDriftReturns, fmt.Sprintf("%s %s again, %d times in a row; next correction in %s. Take the field out of the source, or stop what changes it",
			item.Key, item.Reason, count, next.Sub(now)))
	}
}

func orNone(value string) string {
	if value == "" {
		return "(none)"
	}
	return value
}

// postpone sees that an object whose correction is put off is looked at then.
func (a *application) postpone(until time.Time) {
	if a.timers.fights.IsZero() || until.Before(a.timers.fights) {
		a.timers.fights = until
	}
}

// dueFights are objects whose pause is over, and sets the timer for the next ones.
func (a *application) dueFights(now time.Time) map[manifest.Key]bool {
	ready := map[manifest.Key]bool{}
	if !due(a.timers.fights, now) {
		return ready
	}
	a.timers.fights = time.Time{}
	for key, one := range a.fights.byKey {
		switch {
		case one.until.After(now):
			a.postpone(one.until)
		case one.until.After(one.last):
			ready[key] = true
		}
	}
	return ready
}
