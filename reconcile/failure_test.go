package reconcile_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile"
	"coracle.dev/coracle/reconcile/api"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func TestSourceErrorsAreToldAndHeal(t *testing.T) {
	w := newWorld(t)
	id := w.source.commit("a", files{"a.yaml": settings("a", "1")})
	w.start()
	w.ready(id)
	w.source.fail(errUnreachable)
	app := w.says(v1alpha1.ConditionReconciling, "git.example.org does not answer")
	if meta.IsStatusConditionTrue(app.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Error("a remote that may come back is said to need a person")
	}
	w.source.fail(fmt.Errorf("git.example.org refuses the password of ada: %w", gitsource.ErrAuth))
	w.says(v1alpha1.ConditionStalled, "refuses the password")
	w.event("SourceFailed", "refuses the password")
	if !w.hasConfigMap("a") {
		t.Error("what ran is gone")
	}
	w.source.fail(nil)
	w.ready(id)
}

// TestFailedApplyIsTriedAgain although the source is looked at in between, and has nothing new.
func TestFailedApplyIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	full := "the disk is full"
	w.writes.broken.Store(&full)
	id := w.source.commit("a", files{"a.yaml": settings("a", "1")})
	w.start()
	w.says(v1alpha1.ConditionStalled, full)
	w.source.fail(nil) // tells to look
	w.eventually(func() string {
		if w.source.looks() < 2 {
			return "the source was not looked at again"
		}
		return ""
	})
	w.writes.broken.Store(nil)
	w.ready(id)
}

func TestSourceThatHangsDoesNotStopHealing(t *testing.T) {
	w := newWorld(t)
	id := w.source.commit("a", files{"a.yaml": settings("a", "1")})
	w.start()
	w.ready(id)
	asked := make(chan struct{}, 10)
	w.source.interrupt(func(ctx context.Context) {
		asked <- struct{}{}
		<-ctx.Done()
	})
	<-asked
	if err := w.client.CoreV1().ConfigMaps(w.namespace).Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.eventually(func() string {
		if !w.hasConfigMap("a") {
			return "the deleted object is not back"
		}
		return ""
	})
}

func TestPanicIsOneApplicationsTrouble(t *testing.T) {
	w := newWorld(t)
	id := w.source.commit("a", files{"a.yaml": settings("a", "1")})
	w.source.interrupt(func(context.Context) { panic("out of cheese") })
	w.start()
	w.says(v1alpha1.ConditionReconciling, "internal error: out of cheese")
	w.source.interrupt(nil)
	w.ready(id)
}

func TestEnsureDefault(t *testing.T) {
	w := newWorld(t)
	spec := v1alpha1.ApplicationSpec{Source: v1alpha1.ApplicationSource{Repo: "https://git.example.org/shop.git", Branch: "main"}}
	for range 2 {
		if err := reconcile.EnsureDefault(t.Context(), w.dynamic, spec); err != nil {
			t.Fatal(err)
		}
		spec = v1alpha1.ApplicationSpec{Source: v1alpha1.ApplicationSource{Dir: "/srv/shop"}}
	}
	applications := w.dynamic.Resource(v1alpha1.ApplicationResource).Namespace("default")
	app, err := applications.Get(t.Context(), "default", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	source, _, _ := unstructured.NestedMap(app.Object, "spec", "source")
	if diff := cmp.Diff(map[string]any{"dir": "/srv/shop"}, source); diff != "" {
		t.Errorf("source after the flags changed (-want +got):\n%s", diff)
	}
	if err := applications.Delete(t.Context(), "default", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

func TestForcePushIsFollowedWithAWarning(t *testing.T) {
	w := newWorld(t)
	first := w.source.commit("a", files{"a.yaml": settings("a", "1")})
	w.start()
	w.ready(first)
	w.source.mu.Lock()
	w.source.forced = true
	w.source.mu.Unlock()
	w.ready(w.source.commit("rewritten", files{"a.yaml": settings("a", "2")}))
	w.event("ForcePushed", "the history of main was rewritten: 0000002 does not follow 0000001")
}

func TestImageThatDoesNotExistIsSaid(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.source.commit("broken", files{"web.yaml": web("broken:v1", 1)})
	w.says(v1alpha1.ConditionReconciling, "web: 0 of 1 replicas available; container web: ImagePullBackOff: no such image: broken:v1")
	w.ready(w.source.commit("fixed", files{"web.yaml": web("web:v2", 1)}))
	history := w.application().Status.History
	if got := []string{history[0].Result, history[1].Result}; !cmp.Equal(got, []string{"Healthy", "Superseded"}) {
		t.Errorf("rollouts ended as %q, want the first superseded by a healthy one", got)
	}
}

func TestPreviewChangesNothing(t *testing.T) {
	w := newWorld(t)
	tree := files{"web.yaml": web("web:v1", 1), "a.yaml": settings("a", "1"), "old.yaml": settings("old", "1")}
	w.start()
	w.ready(w.source.commit("all", tree))
	w.stopLoop()
	next := w.source
	next.commit("next", files{"web.yaml": web("web:v2", 1), "a.yaml": settings("a", "1"), "new.yaml": settings("new", "1"),
		"bad.yaml": settings("Not_A_Name", "1")})
	snapshot, err := next.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	version := w.deployment("web").ResourceVersion
	plan, err := reconcile.Preview(t.Context(), w.cluster, api.Scheme, w.application(), snapshot)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, item := range plan.Items {
		got = append(got, string(item.Action)+" "+item.Kind+" "+item.Name)
	}
	want := []string{"refuse ConfigMap Not_A_Name", "keep ConfigMap a", "create ConfigMap new", "change Deployment web", "prune ConfigMap old"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	fields := []reconcile.FieldChange{{Path: "spec.template.spec.containers[web].image", Old: `"web:v1"`, New: `"web:v2"`}}
	if diff := cmp.Diff(fields, plan.Items[3].Fields); diff != "" {
		t.Errorf("fields of the Deployment (-want +got):\n%s", diff)
	}
	if w.deployment("web").ResourceVersion != version || w.hasConfigMap("new") || !w.hasConfigMap("old") {
		t.Error("the preview changed something")
	}
}
