package reconcile

import (
	"context"
	"time"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/manifest"
)

const (
	// attributionCommits and attributionTime bound the search for the commits that changed what is about to be applied.
	attributionCommits = 200
	attributionTime    = 3 * time.Second
)

// attribute finds the commit of everything that the plan applies, and puts it into a.stamps. It returns the versions of
// Deployments that are to be created, for their history.
func (a *application) attribute(ctx context.Context, plan Plan) map[manifest.Key][]version {
	want := map[manifest.Key]int{}
	for _, item := range plan.Items {
		if item.Action != ActionCreate && item.Action != ActionChange {
			continue
		}
		if item.Drift && a.keepStamp(item) {
			continue
		}
		want[item.Key] = 1
		if hasHistory(item) {
			want[item.Key] += versionsPerRevision * historyLimit(*item.object)
		}
	}
	if len(want) == 0 || a.source == nil {
		return nil
	}
	t := timeline{
		source: a.source, clock: a.loop.Clock, commits: attributionCommits, budget: attributionTime,
		load: func(s gitsource.Snapshot) ([]manifest.Object, []string) { return a.planner().load(s, a.app, &a.cache) },
	}
	versions, err := t.versions(ctx, plan.Revision, a.loaded.objects, want)
	if err != nil && ctx.Err() == nil {
		a.log.Warn().Err(err).Msg("history of the source cannot be read")
	}
	for key := range want {
		if len(versions[key]) > 0 {
			a.stamps[key] = stampFor(key.Kind, versions[key][0].Revision)
		}
	}
	return versions
}

// versionsPerRevision is how many versions of a Deployment's manifest are looked at for each revision that is kept: some change only
// the number of replicas.
const versionsPerRevision = 3

// keepStamp says that an object whose manifest did not change goes on with the commit that it had.
func (a *application) keepStamp(item Item) bool {
	if item.live != nil {
		if s := stampOf(item.live, ownedFields(item.live)); s.Commit != "" {
			a.stamps[item.Key] = s
			return true
		}
	}
	return a.stamps[item.Key].Commit != ""
}

// hasHistory says whether the item is a Deployment that is new to the cluster, whose earlier versions are worth having. One that was
// deleted by hand is to come back at once, so it does without.
func hasHistory(item Item) bool {
	return item.Action == ActionCreate && !item.Drift && item.Key.Group == "apps" && item.Key.Kind == "Deployment"
}

// seed makes the history of a Deployment. That it cannot be made stops nothing.
func (a *application) seed(ctx context.Context, item Item, versions []version) {
	if !hasHistory(item) || len(versions) < 2 {
		return
	}
	if err := a.loop.Cluster.seed(ctx, a.setID, versions); err != nil && ctx.Err() == nil {
		a.log.Warn().Err(err).Str("object", item.Key.String()).Msg("history is not complete")
		a.warn(EventHistoryPartial, item.Key.String()+": not all earlier revisions could be made: "+refusal(err))
	}
}
