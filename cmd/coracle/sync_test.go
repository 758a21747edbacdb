package main

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func TestFollow(t *testing.T) {
	requested := began.Add(100 * time.Nanosecond)
	handled := func(at time.Time) string { return at.Format(time.RFC3339Nano) }
	stalled := condition(v1alpha1.ConditionStalled, "Degraded", metav1.ConditionTrue)
	ready := condition(v1alpha1.ConditionReady, "Healthy", metav1.ConditionTrue)
	for name, test := range map[string]struct {
		status v1alpha1.ApplicationStatus
		done   bool
		failed string
	}{
		"never synced":                  {v1alpha1.ApplicationStatus{}, false, ""},
		"still the one before":          {v1alpha1.ApplicationStatus{SyncHandled: handled(began), Conditions: []metav1.Condition{ready}}, false, ""},
		"trouble of the one before":     {v1alpha1.ApplicationStatus{SyncHandled: handled(began), Conditions: []metav1.Condition{stalled}}, false, ""},
		"value that is not ours":        {v1alpha1.ApplicationStatus{SyncHandled: "now", Conditions: []metav1.Condition{ready}}, false, ""},
		"rolling out":                   {v1alpha1.ApplicationStatus{SyncHandled: handled(requested)}, false, ""},
		"well":                          {v1alpha1.ApplicationStatus{SyncHandled: handled(requested), Conditions: []metav1.Condition{ready}}, true, ""},
		"a later one was asked for too": {v1alpha1.ApplicationStatus{SyncHandled: handled(requested.Add(time.Second)), Conditions: []metav1.Condition{ready}}, true, ""},
		"degraded":                      {v1alpha1.ApplicationStatus{SyncHandled: handled(requested), Conditions: []metav1.Condition{stalled}, Message: "no such image"}, true, "shop: no such image"},
		"refused": {v1alpha1.ApplicationStatus{SyncHandled: handled(requested), Conditions: []metav1.Condition{stalled}, Message: "web.yaml:1: no\nsuch field",
			Objects: v1alpha1.ObjectCounts{Failed: 2}}, true, "shop: web.yaml:1: no such field; see all 2 with: coracle plan shop"},
	} {
		var out strings.Builder
		f := follow{requested: requested, out: &out}
		app := application("default", "shop", test.status)
		for range 2 {
			done, err := f.see(app)
			failed := ""
			if err != nil {
				failed = err.Error()
			}
			if done != test.done || failed != test.failed {
				t.Errorf("%s: done is %v, %q", name, done, failed)
			}
		}
		if lines := strings.Count(out.String(), "\n"); lines != 1 {
			t.Errorf("%s: the same state is printed as %d lines:\n%s", name, lines, out.String())
		}
	}
}
