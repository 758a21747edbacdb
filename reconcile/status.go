package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

// facts are what an Application's status is made of.
type facts struct {
	generation int64
	handled    string // sync request that was carried out last

	sourceErr error // of the last look at the source
	syncErr   error // of the last sync: the API did not answer
	problems  []string
	failed    []Item // refused or held back by the last sync
	held      []Item // that left the source, and are not deleted

	observed *Revision // the newest of the source
	applied  *Revision // the last that was applied in full
	syncing  bool

	desired, synced int
	health          summary
}

// statusFor makes the status from the facts. What no fact is about (the history) stays as it was. It is pure: an equal status means
// that nothing need be written.
func statusFor(old v1alpha1.ApplicationStatus, f facts, now time.Time) v1alpha1.ApplicationStatus {
	status := *old.DeepCopy()
	status.ObservedGeneration, status.SyncHandled = f.generation, f.handled
	if f.observed != nil {
		status.ObservedRevision = f.observed.ID
	}
	if f.applied != nil {
		applied := f.applied.forStatus()
		status.Revision = &applied
	}
	if f.observed != nil {
		status.Sync, status.Health = v1alpha1.SyncSynced, cmp.Or(f.health.State, v1alpha1.HealthUnknown)
		if f.outOfSync() {
			status.Sync = v1alpha1.SyncOutOfSync
		}
		status.Objects = v1alpha1.ObjectCounts{Desired: int32(f.desired), Synced: int32(f.synced), Healthy: int32(f.health.healthy),
			Failed: int32(len(f.failed) + len(f.problems))}
	} else if status.Sync == "" {
		status.Sync, status.Health = v1alpha1.SyncUnknown, v1alpha1.HealthUnknown
	}
	v := f.verdict()
	status.Message = v.message
	for _, kind := range []struct {
		name string
		is   bool
	}{{v1alpha1.ConditionReady, v.ready}, {v1alpha1.ConditionReconciling, v.reconciling}, {v1alpha1.ConditionStalled, v.stalled}} {
		value := metav1.ConditionFalse
		if kind.is {
			value = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: kind.name, Status: value, Reason: v.reason, Message: v.message, ObservedGeneration: f.generation,
			LastTransitionTime: metav1.NewTime(now.UTC().Truncate(time.Second)),
		})
	}
	return status
}

func (f facts) outOfSync() bool {
	return f.syncing || f.syncErr != nil || len(f.problems) > 0 || len(f.failed) > 0 || f.observed != nil && (f.applied == nil || f.applied.ID != f.observed.ID)
}

// verdict is what the three conditions and the message say.
type verdict struct {
	reason, message             string
	ready, reconciling, stalled bool
}

// verdict gives the most important fact first.
func (f facts) verdict() verdict {
	switch {
	case f.sourceErr != nil:
		stalled := needsPerson(f.sourceErr)
		return verdict{reason: "SourceFailed", message: f.sourceErr.Error(), stalled: stalled, reconciling: !stalled}
	case f.syncErr != nil:
		return verdict{reason: "SyncFailed", message: f.syncErr.Error(), reconciling: true}
	case len(f.problems) > 0:
		return verdict{reason: "LoadFailed", message: firstOf(f.problems[0], len(f.problems)), stalled: true}
	case f.observed != nil && f.desired == 0 && len(f.held) > 0:
		return verdict{reason: "EmptySource", stalled: true,
			message: fmt.Sprintf("the source has no objects at all; %s stay as they are", count(len(f.held), "object"))}
	case len(f.failed) > 0:
		first := f.failed[0]
		return verdict{reason: "ApplyFailed", message: firstOf(first.Key.String()+": "+first.Reason, len(f.failed)), stalled: true}
	case f.syncing:
		return verdict{reason: "Syncing", message: "applying " + f.observed.Short(), reconciling: true}
	case f.observed == nil:
		return verdict{reason: "Starting", message: "reading the source", reconciling: true}
	case f.health.State == v1alpha1.HealthDegraded:
		return verdict{reason: "Degraded", message: f.health.Message, stalled: true}
	case f.health.State != v1alpha1.HealthHealthy:
		return verdict{reason: "Progressing", message: f.health.Message, reconciling: true}
	case f.desired == 0:
		return verdict{reason: "EmptySource", message: "the source has no objects", ready: true}
	}
	message := fmt.Sprintf("%s at %s", count(f.desired, "object"), f.observed.Short())
	if len(f.held) > 0 {
		message += "; " + firstOf(f.held[0].Key.String()+" "+f.held[0].Reason, len(f.held))
	}
	return verdict{reason: "Healthy", message: message, ready: true}
}

// needsPerson says that trying again will not help.
func needsPerson(err error) bool {
	for _, kind := range []error{gitsource.ErrInvalid, gitsource.ErrNotFound, gitsource.ErrAuth, gitsource.ErrHostKey,
		gitsource.ErrTooLarge, gitsource.ErrUnsafe, gitsource.ErrUnsupported} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func firstOf(first string, n int) string {
	if n == 1 {
		return first
	}
	return fmt.Sprintf("%s (and %d more)", first, n-1)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
