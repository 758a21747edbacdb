package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/manifest"
)

// logSource has a history of single files, newest first, and counts what is read of it.
type logSource struct {
	gitsource.Source
	trees []string
	reads int
}

func (s *logSource) Log(_ context.Context, _ string, n int) ([]gitsource.Revision, error) {
	var log []gitsource.Revision
	for i := range s.trees {
		log = append(log, gitsource.Revision{ID: fmt.Sprint(len(s.trees) - i)})
	}
	return log[:min(n, len(log))], nil
}

func (s *logSource) At(_ context.Context, id string) (gitsource.Snapshot, error) {
	s.reads++
	for i := range s.trees {
		if fmt.Sprint(len(s.trees)-i) == id {
			return gitsource.Snapshot{Files: fstest.MapFS{"all.yaml": {Data: []byte(s.trees[i])}}}, nil
		}
	}
	return gitsource.Snapshot{}, errors.New("no such commit")
}

func TestTimelineFindsTheCommitOfEachObject(t *testing.T) {
	cm := func(name, value string) string {
		return fmt.Sprintf("---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: %s}, data: {k: %q}}\n", name, value)
	}
	source := &logSource{trees: []string{ // newest first: commits 6 … 1
		cm("a", "3") + cm("b", "1") + cm("c", "1"),
		cm("a", "3") + cm("b", "1") + cm("c", "1"),
		cm("a", "2") + cm("b", "1"),
		cm("a", "2") + cm("b", "0"),
		cm("a", "1") + cm("b", "0"),
		cm("a", "1") + cm("b", "0"),
	}}
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	line := timeline{source: source, clock: clock, commits: 100, budget: time.Second, load: func(s gitsource.Snapshot) ([]manifest.Object, []string) {
		return objectsIn(t, s.Files.(fstest.MapFS)), nil
	}}
	head := objects(t, source.trees[0])
	want := map[manifest.Key]int{head[0].Key: 5, head[1].Key: 1, head[2].Key: 1}
	got, err := line.versions(t.Context(), Revision{ID: "6"}, head, want)
	if err != nil {
		t.Fatal(err)
	}
	commits := map[string][]string{}
	for key, versions := range got {
		for _, v := range versions {
			commits[key.Name] = append(commits[key.Name], v.ID)
		}
	}
	if diff := cmp.Diff(map[string][]string{"a": {"5", "3", "1"}, "b": {"4"}, "c": {"5"}}, commits); diff != "" {
		t.Errorf("commits (-want +got):\n%s", diff)
	}

	source.reads = 0
	delete(want, head[0].Key)
	if _, err := line.versions(t.Context(), Revision{ID: "6"}, head, want); err != nil || source.reads != 3 {
		t.Errorf("read %d commits (error %v), want 3: nothing is open after commit 3", source.reads, err)
	}

	line.load = func(s gitsource.Snapshot) ([]manifest.Object, []string) {
		clock.Step(2 * time.Second)
		return objectsIn(t, s.Files.(fstest.MapFS)), nil
	}
	got, err = line.versions(t.Context(), Revision{ID: "6"}, head, map[manifest.Key]int{head[1].Key: 1})
	if err != nil || got[head[1].Key][0].ID != "5" {
		t.Errorf("with no time left: %v, error %v; want the oldest commit seen, 5", got[head[1].Key], err)
	}
}

func TestTimelineSkipsCommitsThatDoNotLoad(t *testing.T) {
	good := "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"
	source := &logSource{trees: []string{good, "broken", good}}
	line := timeline{source: source, clock: clocktesting.NewFakeClock(time.Unix(0, 0)), commits: 100, budget: time.Second,
		load: func(s gitsource.Snapshot) ([]manifest.Object, []string) {
			if string(s.Files.(fstest.MapFS)["all.yaml"].Data) == "broken" {
				return nil, []string{"broken"}
			}
			return objectsIn(t, s.Files.(fstest.MapFS)), nil
		}}
	head := objects(t, good)
	got, err := line.versions(t.Context(), Revision{ID: "3"}, head, map[manifest.Key]int{head[0].Key: 2})
	if err != nil || len(got[head[0].Key]) != 1 || got[head[0].Key][0].ID != "1" {
		t.Errorf("versions %v, error %v; want one, of commit 1", got[head[0].Key], err)
	}
}

func TestSeedVersions(t *testing.T) {
	deployment := func(id, image string, replicas int, selector string, limit string) version {
		text := fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: %d, %s selector: {matchLabels: {app: %s}},
			template: {metadata: {labels: {app: %s}}, spec: {containers: [{name: web, image: %s}]}}}}`, replicas, limit, selector, selector, image)
		return version{Revision{ID: id}, objects(t, text)[0]}
	}
	for name, test := range map[string]struct {
		versions []version
		want     []string
	}{
		"none":                   {},
		"current":                {versions: []version{deployment("1", "v1", 1, "web", "")}},
		"only the scale changed": {versions: []version{deployment("2", "v1", 2, "web", ""), deployment("1", "v1", 1, "web", "")}},
		"a run has its newest commit": {
			versions: []version{deployment("4", "v2", 1, "web", ""), deployment("3", "v1", 3, "web", ""), deployment("2", "v1", 2, "web", ""), deployment("1", "v1", 1, "web", "")},
			want:     []string{"3"}},
		"back and forth": {
			versions: []version{deployment("4", "v2", 1, "web", ""), deployment("3", "v1", 1, "web", ""), deployment("2", "v2", 1, "web", ""), deployment("1", "v1", 1, "web", "")},
			want:     []string{"3", "1"}},
		"other selector": {
			versions: []version{deployment("3", "v3", 1, "web", ""), deployment("2", "v2", 1, "old", ""), deployment("1", "v1", 1, "web", "")},
			want:     []string{"1"}},
		"limit": {
			versions: []version{deployment("4", "v4", 1, "web", "revisionHistoryLimit: 2,"), deployment("3", "v3", 1, "web", ""), deployment("2", "v2", 1, "web", ""), deployment("1", "v1", 1, "web", "")},
			want:     []string{"3", "2"}},
		"no history wanted": {
			versions: []version{deployment("2", "v2", 1, "web", "revisionHistoryLimit: 0,"), deployment("1", "v1", 1, "web", "")}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, v := range seedVersions(test.versions) {
				got = append(got, v.ID)
			}
			if !slices.Equal(test.want, got) {
				t.Errorf("seeds %q, want %q", got, test.want)
			}
		})
	}
	paused := deployment("1", "v1", 3, "web", "paused: true,")
	spec := seedBody(paused, testSet).Object["spec"].(map[string]any)
	if _, still := spec["paused"]; still || spec["replicas"] != int64(0) {
		t.Errorf("seed has spec %v, want 0 replicas and no pause", spec)
	}
}
