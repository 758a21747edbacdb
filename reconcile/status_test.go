package reconcile

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
	"coracle.dev/coracle/reconcile/manifest"
)

func TestStatusSaysTheMostImportantThing(t *testing.T) {
	head, old := &Revision{ID: "1a2b3c4d5e"}, &Revision{ID: "0000000"}
	healthy := summary{Health: Health{State: v1alpha1.HealthHealthy}, healthy: 2}
	key := manifest.Key{Kind: "ConfigMap", Namespace: "default", Name: "a"}
	refused := []Item{{Key: key, Reason: "is refused"}, {Key: key}}
	good := facts{observed: head, applied: head, desired: 2, synced: 2, health: healthy}
	for name, test := range map[string]struct {
		change func(*facts)
		want   string // sync health reason ready reconciling stalled: message
	}{
		"healthy":       {want: "Synced Healthy Healthy true false false: 2 objects at 1a2b3c4"},
		"starting":      {change: func(f *facts) { *f = facts{} }, want: "Unknown Unknown Starting false true false: reading the source"},
		"unreachable":   {change: func(f *facts) { f.sourceErr = fmt.Errorf("host is away: %w", gitsource.ErrUnreachable) }, want: "Synced Healthy SourceFailed false true false: host is away: unreachable"},
		"denied":        {change: func(f *facts) { f.sourceErr = gitsource.ErrAuth }, want: "Synced Healthy SourceFailed false false true: access denied"},
		"api is away":   {change: func(f *facts) { f.syncErr = errors.New("no answer") }, want: "OutOfSync Healthy SyncFailed false true false: no answer"},
		"bad manifests": {change: func(f *facts) { f.problems = []string{"a.yaml:1: bad", "b"}; f.applied = old }, want: "OutOfSync Healthy LoadFailed false false true: a.yaml:1: bad (and 1 more)"},
		"refused":       {change: func(f *facts) { f.failed = refused }, want: "OutOfSync Healthy ApplyFailed false false true: ConfigMap default/a: is refused (and 1 more)"},
		"emptied":       {change: func(f *facts) { f.desired, f.held = 0, refused }, want: "Synced Healthy EmptySource false false true: the source has no objects at all; 2 objects stay as they are"},
		"empty":         {change: func(f *facts) { f.desired = 0 }, want: "Synced Healthy EmptySource true false false: the source has no objects"},
		"held":          {change: func(f *facts) { f.held = refused[:1] }, want: "Synced Healthy Healthy true false false: 2 objects at 1a2b3c4; ConfigMap default/a is refused"},
		"syncing":       {change: func(f *facts) { f.syncing, f.applied = true, old }, want: "OutOfSync Healthy Syncing false true false: applying 1a2b3c4"},
		"rolling out": {change: func(f *facts) { f.health.Health = Health{v1alpha1.HealthProgressing, "web: 1 of 2 replicas available"} },
			want: "Synced Progressing Progressing false true false: web: 1 of 2 replicas available"},
		"degraded": {change: func(f *facts) { f.health.Health = Health{v1alpha1.HealthDegraded, "web: deadline exceeded"} },
			want: "Synced Degraded Degraded false false true: web: deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			f := good
			if test.change != nil {
				test.change(&f)
			}
			now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			status := statusFor(v1alpha1.ApplicationStatus{}, f, now)
			if f.sourceErr != nil {
				status = statusFor(statusFor(v1alpha1.ApplicationStatus{}, good, now), f, now)
			}
			is := func(kind string) bool { return meta.IsStatusConditionTrue(status.Conditions, kind) }
			got := fmt.Sprintf("%s %s %s %v %v %v: %s", status.Sync, status.Health, status.Conditions[0].Reason,
				is(v1alpha1.ConditionReady), is(v1alpha1.ConditionReconciling), is(v1alpha1.ConditionStalled), status.Message)
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if diff := cmp.Diff(status, statusFor(status, f, now.Add(time.Hour))); diff != "" {
				t.Errorf("the same facts an hour later give another status:\n%s", diff)
			}
		})
	}
}

func TestHistoryOfSyncs(t *testing.T) {
	began := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	item := func(action Action, name string) Item {
		return Item{Action: action, Key: manifest.Key{Kind: "ConfigMap", Namespace: "default", Name: name}, Reason: "why"}
	}
	drift := item(ActionChange, "d")
	drift.Drift = true
	history := recordSync(nil, Revision{ID: "1"}, Outcome{Applied: []Item{drift}}, nil, began)
	if len(history) != 0 {
		t.Errorf("drift made history: %v", history)
	}
	history = recordSync(history, Revision{ID: "1"}, Outcome{Applied: []Item{item(ActionCreate, "a")}}, nil, began)
	history = recordSync(history, Revision{ID: "2"}, Outcome{Applied: []Item{item(ActionChange, "a")}, Failed: []Item{item(ActionChange, "b")}}, nil, began)
	history = recordSync(history, Revision{ID: "2"}, Outcome{Applied: []Item{item(ActionChange, "b")}, Pruned: []Item{item(ActionPrune, "c")}}, nil, began)
	history = recordHealth(history, Health{State: v1alpha1.HealthProgressing}, began)
	history = recordHealth(history, Health{v1alpha1.HealthDegraded, "no image"}, began)
	history = recordSync(history, Revision{ID: "3"}, Outcome{Applied: []Item{item(ActionChange, "a")}}, []string{"bad.yaml: bad"}, began)
	history = recordHealth(history, Health{State: v1alpha1.HealthHealthy}, began)
	history = recordSync(history, Revision{ID: "4"}, Outcome{Applied: []Item{item(ActionChange, "a")}}, nil, began)
	history = recordHealth(history, Health{State: v1alpha1.HealthHealthy}, began)

	var got []string
	for _, entry := range history {
		got = append(got, fmt.Sprintf("%s %s %q +%d ~%d -%d of %d finished=%v", entry.ID, entry.Result, entry.Message,
			len(entry.Changes.Created), len(entry.Changes.Changed), len(entry.Changes.Pruned), entry.Changes.Total, entry.FinishedAt != nil))
	}
	want := []string{
		`4 Healthy "" +0 ~1 -0 of 1 finished=true`,
		`3 Failed "bad.yaml: bad" +0 ~1 -0 of 1 finished=false`,
		`2 Degraded "no image" +0 ~2 -1 of 3 finished=true`,
		`1 Superseded "" +1 ~0 -0 of 1 finished=true`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	for i := range 2 * keptHistory {
		history = recordSync(history, Revision{ID: fmt.Sprint("x", i)}, Outcome{Applied: []Item{item(ActionChange, "a")}}, nil, began)
	}
	if len(history) != keptHistory {
		t.Errorf("history has %d entries, want %d", len(history), keptHistory)
	}
}

func TestFights(t *testing.T) {
	now := time.Unix(1000, 0)
	key := manifest.Key{Name: "a"}
	var f fights
	var pauses []time.Duration
	for range 14 {
		_, next := f.corrected(key, "data.k", now)
		pauses = append(pauses, next.Sub(now))
		now = next.Add(time.Millisecond)
	}
	s := time.Second
	want := []time.Duration{0, 0, 0, s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s, 256 * s, 300 * s, 300 * s}
	if diff := cmp.Diff(want, pauses); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
	if count, _ := f.corrected(key, "data.other", now); count != 1 {
		t.Errorf("another field counts as the same fight: %d", count)
	}
	f.corrected(key, "data.other", now)
	if count, _ := f.corrected(key, "data.other", now.Add(2*time.Minute)); count != 1 {
		t.Errorf("after two quiet minutes it counts on: %d", count)
	}
	f.forget(now.Add(time.Hour))
	if len(f.byKey) != 0 {
		t.Error("what was quiet for an hour is kept")
	}
}

func TestHealthOfObjects(t *testing.T) {
	deployment := func(status string) string {
		return "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, generation: 2}, spec: {replicas: 3}, status: {observedGeneration: 2, " + status + "}}"
	}
	available := "conditions: [{type: Available, status: 'True'}, {type: Progressing, status: 'True', reason: NewReplicaSetAvailable}]"
	for name, test := range map[string]struct{ object, want string }{
		"missing":   {"", "Progressing web: is not there yet"},
		"available": {deployment("replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3, " + available), "Healthy "},
		"partly":    {deployment("replicas: 3, updatedReplicas: 3, availableReplicas: 2, " + available), "Progressing web: 2 of 3 replicas available"},
		"rolling":   {deployment("replicas: 4, updatedReplicas: 1, readyReplicas: 4, availableReplicas: 3, " + available), "Progressing web: 1 of 3 replicas updated"},
		"quota": {deployment("conditions: [{type: ReplicaFailure, status: 'True', message: exceeded quota}]"),
			"Progressing web: 0 of 3 replicas available; exceeded quota"},
		"deadline by quota": {deployment("conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: timed out}, {type: ReplicaFailure, status: 'True', message: exceeded quota}]"),
			"Degraded web: Progress deadline exceeded; exceeded quota"},
		"deadline": {deployment("conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: timed out}]"), "Degraded web: Progress deadline exceeded"},
		"going":    {"{apiVersion: v1, kind: ConfigMap, metadata: {name: web, deletionTimestamp: '2026-01-01T00:00:00Z'}}", "Progressing web: is being deleted"},
		"data":     {"{apiVersion: v1, kind: ConfigMap, metadata: {name: web}}", "Healthy "},
	} {
		t.Run(name, func(t *testing.T) {
			var live *unstructured.Unstructured
			if test.object != "" {
				live = objects(t, test.object)[0].Content
			}
			got := healthOf(manifest.Key{Name: "web"}, live)
			if text := got.State + " " + got.Message; text != test.want {
				t.Errorf("got %q, want %q", text, test.want)
			}
		})
	}
}

func TestSummaryNamesTheWorst(t *testing.T) {
	keys := []manifest.Key{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}
	got := summarise(keys, map[manifest.Key]Health{
		keys[0]: {v1alpha1.HealthProgressing, "a: waits"}, keys[1]: {v1alpha1.HealthHealthy, ""},
		keys[2]: {v1alpha1.HealthDegraded, "c: fails"}, keys[3]: {v1alpha1.HealthProgressing, "d: waits"},
	})
	if got.State != v1alpha1.HealthDegraded || got.Message != "c: fails" || got.healthy != 1 {
		t.Errorf("got %+v, want Degraded, c: fails, one healthy", got)
	}
}

func TestSetIDIsThatOfKubectl(t *testing.T) {
	// base64url(sha256("shop.default.Application.coracle.dev"))
	if got, want := SetID("default", "shop"), "applyset-l0EermGsXZccVg3mGlVBaaAfOMYnvrH-X8M9x-_y6Rc-v1"; got != want {
		t.Errorf("id %s, want %s", got, want)
	}
}
