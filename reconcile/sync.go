package reconcile

import (
	"context"
	"fmt"
	"time"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/manifest"
)

// looking is the state of asking the source for its newest revision. That may take minutes, so it is done in another
// goroutine, and the healing of drift goes on meanwhile.
type looking struct {
	underWay bool
	more     bool   // look once more afterwards: something happened since it began
	again    bool   // sync even if the revision is the one that is loaded
	asked    string // request that this look carries out
}

// fetched is what a source answered.
type fetched struct {
	from     gitsource.Source
	snapshot gitsource.Snapshot
	err      error
}

// look asks the source for its newest revision. With again a sync follows even if that is the one that is loaded: then the kinds that are
// served are asked for anew too, and what could not be loaded is tried again.
func (a *application) look(ctx context.Context, again bool) {
	if again { // a look at the source by itself retries nothing
		a.timers.retry = time.Time{}
		a.timers.resync = a.loop.Clock.Now().Add(resyncEvery)
	}
	if a.source == nil {
		if err := a.openSource(ctx); err != nil {
			a.sourceFailed(err)
			a.facts.handled = a.asked
			return
		}
	}
	a.looking.again = a.looking.again || again
	if a.looking.underWay {
		a.looking.more = true
		return
	}
	a.looking.underWay, a.looking.asked = true, a.asked
	source := a.source
	a.using.Go(func() {
		answer := &fetched{from: source}
		answer.err = guarded(func() (err error) {
			answer.snapshot, err = source.Fetch(ctx)
			return err
		})
		a.pending.answer(answer)
	})
}

// arrived takes up what the source answered.
func (a *application) arrived(ctx context.Context, answer *fetched) {
	if ctx.Err() != nil || answer.from != a.source {
		return // of a source that is not the Application's any more
	}
	was := a.looking
	a.looking = looking{}
	switch {
	case answer.err != nil:
		a.sourceFailed(answer.err)
	default:
		if a.facts.sourceErr != nil {
			a.log.Info().Str("commit", Revision{ID: answer.snapshot.ID}.Short()).Msg("source is back")
			a.facts.sourceErr, a.timers.attempts = nil, 0
			was.again = true
		}
		if was.again || answer.snapshot.ID != a.loaded.revision.ID {
			a.sync(ctx, answer.snapshot, was.again)
		}
	}
	a.facts.handled = was.asked
	if was.more {
		a.pending.source()
	}
}

// sync makes the cluster match a snapshot.
func (a *application) sync(ctx context.Context, snapshot gitsource.Snapshot, again bool) {
	began := a.loop.Clock.Now()
	a.timers.resync = began.Add(resyncEvery)
	outcome, err := a.syncTo(ctx, snapshot, again, began)
	if ctx.Err() != nil {
		return
	}
	took := a.loop.Clock.Since(began)
	result := "unchanged"
	switch {
	case err != nil:
		if a.facts.syncErr == nil || a.facts.syncErr.Error() != err.Error() {
			a.log.Warn().Err(err).Msg("sync failed")
		}
		result = "failed"
		a.retryLater()
	case len(a.facts.failed) > 0 || len(a.facts.problems) > 0:
		result = "failed"
		a.retryLater()
	default:
		if outcome.changed() {
			result = "changed"
		}
		a.timers.attempts = 0
		lastSynced.WithLabelValues(a.name).Set(float64(a.loop.Clock.Now().Unix()))
	}
	a.facts.syncErr, a.facts.syncing = err, false
	syncTotal.WithLabelValues(a.name, result).Inc()
	syncSeconds.WithLabelValues(a.name).Observe(took.Seconds())
	if outcome.changed() {
		a.log.Info().Str("commit", a.loaded.revision.Short()).Int("applied", len(outcome.Applied)).Int("pruned", len(outcome.Pruned)).
			Int("failed", len(outcome.Failed)).Dur("took", took).Msg("synced")
	}
}

func (a *application) syncTo(ctx context.Context, snapshot gitsource.Snapshot, again bool, began time.Time) (Outcome, error) {
	known, err := a.loop.Cluster.known()
	if again {
		known, err = a.loop.Cluster.refresh()
	}
	if err != nil {
		return Outcome{}, err
	}
	a.load(snapshot, again)
	if err := a.loop.watches.use(ctx, a.loop.life, a.setID, known.resourcesOf(a.loaded.objects, a.membership.kinds)); err != nil {
		return Outcome{}, err
	}
	plan, err := a.planner().plan(ctx, request{app: a.app, revision: a.loaded.revision, desired: a.loaded.objects,
		problems: a.loaded.problems, applied: a.applied, before: a.membership.kinds})
	if err != nil {
		return Outcome{}, err
	}
	outcome, err := a.execute(ctx, plan)
	if err != nil {
		return outcome, err
	}
	a.settle(plan, outcome)
	a.tellOutcome(outcome)
	a.app.Status.History = recordSync(a.app.Status.History, a.loaded.revision, outcome, a.loaded.problems, began)
	return outcome, nil
}

func (a *application) planner() planner {
	return planner{cluster: a.loop.Cluster, scheme: a.loop.Scheme, members: a.loop.watches.members, memory: &a.memory}
}

// load reads the snapshot, unless it is the one that is loaded.
func (a *application) load(snapshot gitsource.Snapshot, again bool) {
	revision := revisionOf(snapshot.Revision)
	if revision.ID == a.loaded.revision.ID && !(again && len(a.loaded.problems) > 0) {
		return
	}
	if snapshot.Rewritten && revision.ID != a.loaded.revision.ID {
		message := fmt.Sprintf("the history of %s was rewritten: %s does not follow %s", snapshot.Ref, revision.Short(), Revision{ID: snapshot.Previous}.Short())
		a.log.Warn().Str("commit", revision.Short()).Str("previous", snapshot.Previous).Msg("force-push")
		a.warn(EventForcePushed, message)
	}
	first := a.loaded.revision.ID == ""
	objects, problems := a.planner().load(snapshot, a.app, &a.cache)
	a.loaded = loaded{revision, objects, problems}
	a.facts.observed, a.facts.problems, a.facts.desired = &revision, problems, len(objects)
	if first && a.facts.applied != nil && a.facts.applied.ID == revision.ID {
		// This very revision was applied by an earlier process: what differs has drifted.
		for _, object := range objects {
			a.applied[object.Key] = object.Digest
		}
	}
	keep := make(map[manifest.Key]bool, len(objects))
	for _, object := range objects {
		keep[object.Key] = true
	}
	a.memory.forget(keep)
	a.fights.forget(a.loop.Clock.Now())
}

// execute carries a plan out, if there is anything in it.
func (a *application) execute(ctx context.Context, plan Plan) (Outcome, error) {
	e := executor{cluster: a.loop.Cluster, setID: a.setID}
	if plan.Empty() {
		return e.run(ctx, plan), nil
	}
	a.facts.syncing = true
	a.publish(ctx)
	if err := a.widenMembership(ctx, plan); err != nil {
		return Outcome{}, err
	}
	versions := a.attribute(ctx, plan)
	e.stamps = a.stamps
	e.prepare = func(ctx context.Context, item Item) { a.seed(ctx, item, versions[item.Key]) }
	outcome := e.run(ctx, plan)
	if len(outcome.Failed) == 0 && len(plan.Problems) == 0 {
		return outcome, a.setMembership(ctx, membershipOf(a.app.Namespace, objectsOf(plan, outcome.Pruned)))
	}
	return outcome, nil
}

// settle takes down what is now so.
func (a *application) settle(plan Plan, outcome Outcome) {
	a.facts.failed, a.facts.held = outcome.Failed, nil
	failed := make(map[manifest.Key]bool, len(outcome.Failed))
	for _, item := range outcome.Failed {
		failed[item.Key] = true
	}
	a.wrote(outcome)
	synced := 0
	for _, item := range plan.Items {
		if item.object == nil {
			delete(a.applied, item.Key)
			delete(a.stamps, item.Key)
			delete(a.judged, item.Key)
			delete(a.newest, item.Key)
			if item.Action == ActionHold {
				a.facts.held = append(a.facts.held, item)
			}
			continue
		}
		if failed[item.Key] {
			continue
		}
		synced++
		a.applied[item.Key] = item.object.Digest
		if _, known := a.stamps[item.Key]; !known && item.Action == ActionKeep {
			a.stamps[item.Key] = stampOf(item.live, ownedFields(item.live))
		}
	}
	a.facts.synced = synced
	if len(outcome.Failed) == 0 && len(plan.Problems) == 0 {
		applied := plan.Revision
		a.facts.applied = &applied
	}
}
