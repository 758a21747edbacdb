package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/reconcile"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// golden compares with testdata/<name>.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

var began = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func revision(digit, subject string) v1alpha1.Revision {
	return v1alpha1.Revision{ID: strings.Repeat(digit, 40), Subject: subject, Author: "Ada"}
}

func application(namespace, name string, status v1alpha1.ApplicationStatus) *v1alpha1.Application {
	return &v1alpha1.Application{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Status: status}
}

func condition(kind, reason string, status metav1.ConditionStatus) metav1.Condition {
	return metav1.Condition{Type: kind, Reason: reason, Status: status}
}

func TestPrintStatus(t *testing.T) {
	one, two := revision("1", "web: v1"), revision("2", "web: v2")
	healthy := reportStatus(application("default", "default", v1alpha1.ApplicationStatus{
		Revision: &one, ObservedRevision: one.ID, Sync: v1alpha1.SyncSynced, Health: v1alpha1.HealthHealthy, Message: "14 objects at 1111111",
		Objects: v1alpha1.ObjectCounts{Desired: 14, Synced: 14, Healthy: 14}, Conditions: []metav1.Condition{condition("Ready", "Healthy", "True")},
	}))
	refused := reportStatus(application("team-a", "shop", v1alpha1.ApplicationStatus{
		Revision: &one, ObservedRevision: two.ID, Sync: v1alpha1.SyncOutOfSync, Health: v1alpha1.HealthProgressing,
		Message: "Deployment default/web: spec.replicas: Invalid value: -1:\n  must be greater than or equal to 0 (and 1 more)",
		Objects: v1alpha1.ObjectCounts{Desired: 4, Synced: 2, Healthy: 1, Failed: 2}, Conditions: []metav1.Condition{condition("Ready", "ApplyFailed", "False")},
	}))
	refused.Troubles = []reconcile.Trouble{
		{Object: "Deployment default/web", Health: v1alpha1.HealthProgressing, Message: "1 of 3 replicas available; container web: ErrImagePull: no such image"},
		{Object: "Job default/migrate", Health: v1alpha1.HealthDegraded, Message: "failed"},
	}
	starting := reportStatus(application("default", "new", v1alpha1.ApplicationStatus{}))
	first := reportStatus(application("default", "first", v1alpha1.ApplicationStatus{ObservedRevision: two.ID, Sync: v1alpha1.SyncOutOfSync, Message: "applying 2222222"}))

	var out strings.Builder
	if err := printStatus(&out, []statusReport{healthy, first, starting, refused}); err != nil {
		t.Fatal(err)
	}
	golden(t, "status", out.String())
	out.Reset()
	if err := printJSON(&out, []statusReport{refused}); err != nil {
		t.Fatal(err)
	}
	golden(t, "status.json", out.String())

	for name, test := range map[string]struct {
		reports []statusReport
		want    bool
	}{
		"none": {nil, false}, "healthy": {[]statusReport{healthy}, true}, "one of two": {[]statusReport{healthy, refused}, false},
		"starting": {[]statusReport{starting}, false},
	} {
		if got := allWell(test.reports); got != test.want {
			t.Errorf("%s: all well is %v", name, got)
		}
	}
}

// A status that is about an older spec says nothing of the present one.
func TestStatusOfAnOlderSpecIsNotWell(t *testing.T) {
	one := revision("1", "")
	app := application("default", "default", v1alpha1.ApplicationStatus{
		ObservedGeneration: 1, Revision: &one, ObservedRevision: one.ID, Sync: v1alpha1.SyncSynced, Health: v1alpha1.HealthHealthy,
		Conditions: []metav1.Condition{condition("Ready", "Healthy", "True")},
	})
	app.Generation = 1
	if !allWell([]statusReport{reportStatus(app)}) {
		t.Error("it is not well at its own generation")
	}
	app.Generation = 2
	if allWell([]statusReport{reportStatus(app)}) {
		t.Error("it is well before the new spec was seen")
	}
}

func TestPrintHistory(t *testing.T) {
	entry := func(digit, subject string, ago, took time.Duration, result, message string, changes v1alpha1.Changes) v1alpha1.HistoryEntry {
		e := v1alpha1.HistoryEntry{Revision: revision(digit, subject), StartedAt: metav1.NewTime(began.Add(-ago)), Result: result, Message: message, Changes: changes}
		if took > 0 {
			finished := metav1.NewTime(e.StartedAt.Add(took))
			e.FinishedAt = &finished
		}
		return e
	}
	directory := entry("", "", 40*24*time.Hour, time.Second, v1alpha1.ResultHealthy, "", v1alpha1.Changes{Created: []string{"ConfigMap default/settings"}, Total: 1})
	directory.Revision = v1alpha1.Revision{ID: "sha256:" + strings.Repeat("d", 64)}
	app := application("default", "shop", v1alpha1.ApplicationStatus{History: []v1alpha1.HistoryEntry{
		entry("5", "web: v4", 4*time.Second, 0, v1alpha1.ResultProgressing, "", v1alpha1.Changes{Changed: []string{"Deployment default/web"}, Total: 1}),
		entry("4", "Revert \"web: v3\"", 3*time.Hour, 7*time.Second, v1alpha1.ResultSuperseded, "", v1alpha1.Changes{Changed: []string{"Deployment default/web"}, Pruned: []string{"Service default/web"}, Total: 2}),
		entry("3", "web: v3", 4*time.Hour, 10*time.Minute, v1alpha1.ResultDegraded, "web: exceeded its progress deadline;\ncontainer web: ErrImagePull", v1alpha1.Changes{
			Created: []string{"Service default/web", "ConfigMap default/web"}, Changed: []string{"Deployment default/web"}, Total: 30}),
		directory,
	}})
	var out strings.Builder
	if err := printHistory(&out, app, began); err != nil {
		t.Fatal(err)
	}
	if err := printHistory(&out, application("team-a", "shop", v1alpha1.ApplicationStatus{}), began); err != nil {
		t.Fatal(err)
	}
	golden(t, "history", out.String())
}

func TestProgressLine(t *testing.T) {
	one, two := revision("1", ""), revision("2", "")
	got := progressLine(application("team-a", "shop", v1alpha1.ApplicationStatus{
		Revision: &one, ObservedRevision: two.ID, Sync: v1alpha1.SyncOutOfSync, Message: "applying\n2222222"}))
	if want := "team-a/shop 1111111 → 2222222: OutOfSync, Unknown: applying 2222222"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
