package reconcile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func TestPushRollsAndRevertGoesBack(t *testing.T) {
	w := newWorld(t)
	tree := files{"web.yaml": web("web:v1", 2), "settings.yaml": settings("settings", "one")}
	first := w.source.commit("web: first", tree)
	w.start()
	w.ready(first)
	w.ready(w.source.commit("web: second", tree.with(files{"web.yaml": web("web:v2", 2)})))
	third := w.source.commit("web: third", tree.with(files{"web.yaml": web("web:v3", 2)}))
	w.ready(third)
	revert := w.source.commit(`Revert "web: third"`, tree.with(files{"web.yaml": web("web:v2", 2)}))
	w.ready(revert)

	want := []string{
		"1: 0 × web:v1 (0000001 web: first (Ada))",
		"3: 0 × web:v3 (0000003 web: third (Ada))",
		`4: 2 × web:v2 (0000004 Revert "web: third" (Ada))`,
	}
	if diff := cmp.Diff(want, w.revisions()); diff != "" {
		t.Errorf("revisions (-want +got):\n%s", diff)
	}
	before := w.deployment("web")
	if got := before.Annotations[v1alpha1.CommitAnnotation]; got != revert {
		t.Errorf("deployment is from commit %s, want %s", got, revert)
	}
	if got := w.configMap("settings").Annotations[v1alpha1.CommitAnnotation]; got != first {
		t.Errorf("the ConfigMap, which no later commit changed, is from commit %s, want %s", got, first)
	}
	w.writes.take()
	other := w.source.commit("docs", tree.with(files{"web.yaml": web("web:v2", 2), "README.md": "hello"}))
	app := w.ready(other)
	if writes := w.writes.take(); len(writes) > 0 {
		t.Errorf("a commit that touches no manifest wrote %q", writes)
	}
	var history []string
	for _, entry := range app.Status.History {
		history = append(history, entry.Subject+": "+entry.Result)
	}
	wantHistory := []string{`Revert "web: third": Healthy`, "web: third: Healthy", "web: second: Healthy", "web: first: Healthy"}
	if diff := cmp.Diff(wantHistory, history); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Deployment " + w.namespace + "/web"}, app.Status.History[0].Changes.Changed); diff != "" {
		t.Errorf("changes of the newest entry (-want +got):\n%s", diff)
	}
}

func TestSeveralCommitsAtOnceAreToldApart(t *testing.T) {
	w := newWorld(t)
	tree := files{"a.yaml": settings("a", "1"), "b.yaml": settings("b", "1")}
	w.start()
	w.source.fail(errUnreachable)
	w.source.commit("both", tree)
	second := w.source.commit("a", tree.with(files{"a.yaml": settings("a", "2")}))
	third := w.source.commit("b", tree.with(files{"a.yaml": settings("a", "2"), "b.yaml": settings("b", "2")}))
	fourth := w.source.commit("none", tree.with(files{"a.yaml": settings("a", "2"), "b.yaml": settings("b", "2"), "x.txt": "x"}))
	w.source.fail(nil)
	w.ready(fourth)
	for name, want := range map[string]string{"a": second, "b": third} {
		if got := w.configMap(name).Annotations[v1alpha1.CommitAnnotation]; got != want {
			t.Errorf("ConfigMap %s is from commit %s, want %s", name, got, want)
		}
	}
}

func TestHistoryIsSeeded(t *testing.T) {
	w := newWorld(t)
	for _, commit := range []struct{ subject, manifest string }{
		{"first", web("web:v1", 2)}, {"scale", web("web:v1", 3)}, {"second", web("web:v2", 3)}, {"third", web("web:v3", 3)}, {"back to v2", web("web:v2", 3)},
		{"fourth", web("web:v4", 3)},
	} {
		w.source.commit(commit.subject, files{"web.yaml": commit.manifest})
	}
	head := w.source.commit("docs", files{"web.yaml": web("web:v4", 3), "README.md": "hello"})
	w.start()
	w.ready(head)
	want := []string{
		"1: 0 × web:v1 (0000002 scale (Ada))",
		"3: 0 × web:v3 (0000004 third (Ada))",
		"4: 0 × web:v2 (0000005 back to v2 (Ada))",
		"5: 3 × web:v4 (0000006 fourth (Ada))",
	}
	if diff := cmp.Diff(want, w.revisions()); diff != "" {
		t.Errorf("revisions (-want +got):\n%s", diff)
	}
}
