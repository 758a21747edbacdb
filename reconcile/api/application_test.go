package api

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func TestValidateApplicationNamesTheField(t *testing.T) {
	commit := "1a2b3c4d5e6f708192a3b4c5d6e7f80912345678"
	for name, test := range map[string]struct {
		source   v1alpha1.ApplicationSource
		schedule string
		want     []string
	}{
		"repository":         {source: v1alpha1.ApplicationSource{Repo: "https://git.example.org/shop.git", Branch: "main"}},
		"commit":             {source: v1alpha1.ApplicationSource{Repo: "/srv/shop.git", Commit: commit, Path: "deploy/prod"}},
		"directory":          {source: v1alpha1.ApplicationSource{Dir: "/srv/shop"}},
		"nothing":            {want: []string{"spec.source"}},
		"both":               {source: v1alpha1.ApplicationSource{Repo: "r", Dir: "/d"}, want: []string{"spec.source.dir"}},
		"relative directory": {source: v1alpha1.ApplicationSource{Dir: "d"}, want: []string{"spec.source.dir"}},
		"directory with ref": {source: v1alpha1.ApplicationSource{Dir: "/d", Tag: "v1"}, want: []string{"spec.source"}},
		"two refs":           {source: v1alpha1.ApplicationSource{Repo: "r", Tag: "v1", Branch: "main"}, want: []string{"spec.source"}},
		"short commit":       {source: v1alpha1.ApplicationSource{Repo: "r", Commit: "1a2b3c4"}, want: []string{"spec.source.commit"}},
		"path that climbs":   {source: v1alpha1.ApplicationSource{Repo: "r", Path: "a/../../b"}, want: []string{"spec.source.path"}},
		"cron with zone":     {source: v1alpha1.ApplicationSource{Repo: "r"}, schedule: "CRON_TZ=Europe/Berlin 0 3 * * *"},
		"cron nonsense":      {source: v1alpha1.ApplicationSource{Repo: "r"}, schedule: "often", want: []string{"spec.schedule"}},
		"zone that panics":   {source: v1alpha1.ApplicationSource{Repo: "r"}, schedule: "TZ=0", want: []string{"spec.schedule"}},
	} {
		t.Run(name, func(t *testing.T) {
			app := &v1alpha1.Application{Spec: v1alpha1.ApplicationSpec{Source: test.source, Schedule: test.schedule}}
			defaultApplication(app)
			var got []string
			for _, err := range validateApplication(app) {
				got = append(got, err.Field)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("fields with errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplicationStatusIsOnlyWrittenThroughItsEndpoint(t *testing.T) {
	old := &v1alpha1.Application{ObjectMeta: metav1.ObjectMeta{Name: "shop", Generation: 3},
		Spec: v1alpha1.ApplicationSpec{Source: v1alpha1.ApplicationSource{Repo: "a"}}, Status: v1alpha1.ApplicationStatus{Sync: "Synced"}}

	changed := old.DeepCopy()
	changed.Spec.Source.Repo, changed.Status.Sync = "b", "OutOfSync"
	prepareApplicationForUpdate(changed, old)
	if changed.Status.Sync != "Synced" || changed.Generation != 4 {
		t.Errorf("spec update: status %q, generation %d; want Synced, 4", changed.Status.Sync, changed.Generation)
	}

	status := old.DeepCopy()
	status.Spec.Source.Repo, status.Labels, status.Status.Sync = "b", map[string]string{"x": "y"}, "OutOfSync"
	prepareApplicationForStatusUpdate(status, old)
	if status.Spec.Source.Repo != "a" || status.Labels != nil || status.Status.Sync != "OutOfSync" || status.Generation != 3 {
		t.Errorf("status update changed more than the status: %+v", status)
	}
}

func TestApplicationRow(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	app := &v1alpha1.Application{
		ObjectMeta: metav1.ObjectMeta{Name: "shop", CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))},
		Spec:       v1alpha1.ApplicationSpec{Source: v1alpha1.ApplicationSource{Repo: "https://git.example.org/shop.git", Branch: "main", Path: "prod"}},
		Status: v1alpha1.ApplicationStatus{Revision: &v1alpha1.Revision{ID: "1a2b3c4d5e6f708192a3b4c5d6e7f80912345678-dirty-0011"},
			Sync: "Synced", Health: "Healthy", Message: "all well", Objects: v1alpha1.ObjectCounts{Desired: 3, Healthy: 2}},
	}
	want := []any{"shop", "1a2b3c4-dirty", "Synced", "Healthy", "all well", "60m", "https://git.example.org/shop.git@main:prod", "2/3"}
	if diff := cmp.Diff(want, applicationRow(app, now)); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	if len(want) != len(application.Columns) {
		t.Errorf("%d columns for %d cells", len(application.Columns), len(want))
	}
}
