package reconcile

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

const (
	keptHistory = 50
	keptNames   = 20
)

// recordSync puts a sync at the head of the history; what was still on its way is superseded. A further sync of the same
// revision (after a failure, say) is added to its entry. What only corrected drift is not history.
func recordSync(history []v1alpha1.HistoryEntry, revision Revision, outcome Outcome, problems []string, began time.Time) []v1alpha1.HistoryEntry {
	changes := changesOf(outcome)
	if changes.Total == 0 {
		return history
	}
	result, message := v1alpha1.ResultProgressing, ""
	failures := slices.Clone(problems)
	for _, item := range outcome.Failed {
		failures = append(failures, item.Key.String()+": "+item.Reason)
	}
	if len(failures) > 0 {
		result, message = v1alpha1.ResultFailed, firstOf(failures[0], len(failures))
	}
	history = slices.Clone(history)
	if len(history) > 0 && history[0].ID == revision.ID {
		head := &history[0]
		head.Changes = mergeChanges(head.Changes, changes)
		head.Result, head.Message, head.FinishedAt = result, message, nil
		return history
	}
	if len(history) > 0 && history[0].Result == v1alpha1.ResultProgressing {
		finished := metav1.NewTime(began.UTC().Truncate(time.Second))
		history[0].Result, history[0].FinishedAt = v1alpha1.ResultSuperseded, &finished
	}
	entry := v1alpha1.HistoryEntry{Revision: revision.forStatus(), StartedAt: metav1.NewTime(began.UTC().Truncate(time.Second)),
		Changes: changes, Result: result, Message: message}
	history = slices.Insert(history, 0, entry)
	return history[:min(keptHistory, len(history))]
}

// recordHealth notes on the newest entry how its rollout ended. One that is degraded may still become healthy.
func recordHealth(history []v1alpha1.HistoryEntry, health Health, now time.Time) []v1alpha1.HistoryEntry {
	if len(history) == 0 {
		return history
	}
	head := history[0]
	switch {
	case head.Result != v1alpha1.ResultProgressing && head.Result != v1alpha1.ResultDegraded:
		return history
	case health.State == v1alpha1.HealthHealthy:
		head.Result, head.Message = v1alpha1.ResultHealthy, ""
	case health.State == v1alpha1.HealthDegraded && head.Result == v1alpha1.ResultProgressing:
		head.Result, head.Message = v1alpha1.ResultDegraded, health.Message
	default:
		return history
	}
	finished := metav1.NewTime(now.UTC().Truncate(time.Second))
	head.FinishedAt = &finished
	history = slices.Clone(history)
	history[0] = head
	return history
}

// changesOf names what a sync changed because of the source.
func changesOf(outcome Outcome) v1alpha1.Changes {
	var changes v1alpha1.Changes
	for _, item := range outcome.Applied {
		if item.Drift {
			continue
		}
		list := &changes.Changed
		if item.Action == ActionCreate {
			list = &changes.Created
		}
		addName(list, item)
		changes.Total++
	}
	for _, item := range outcome.Pruned {
		addName(&changes.Pruned, item)
		changes.Total++
	}
	return changes
}

func addName(list *[]string, item Item) {
	if len(*list) < keptNames {
		*list = append(*list, item.Key.String())
	}
}

func mergeChanges(a, b v1alpha1.Changes) v1alpha1.Changes {
	merge := func(a, b []string) []string {
		merged := slices.Clone(a)
		for _, name := range b {
			if !slices.Contains(merged, name) && len(merged) < keptNames {
				merged = append(merged, name)
			}
		}
		return merged
	}
	return v1alpha1.Changes{Created: merge(a.Created, b.Created), Changed: merge(a.Changed, b.Changed), Pruned: merge(a.Pruned, b.Pruned),
		Total: a.Total + b.Total}
}
