package reconcile_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/reconcile"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func (w *world) hasConfigMap(name string) bool {
	w.Helper()
	_, err := w.client.CoreV1().ConfigMaps(w.namespace).Get(w.Context(), name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		w.Fatal(err)
	}
	return err == nil
}

func TestPrune(t *testing.T) {
	w := newWorld(t)
	forbidden := strings.Replace(settings("forbidden", "1"), "{name: forbidden}", "{name: forbidden, annotations: {argocd.argoproj.io/sync-options: Prune=false}}", 1)
	tree := files{"a.yaml": settings("a", "1"), "b.yaml": settings("b", "1"), "c.yaml": settings("c", "1"), "forbidden.yaml": forbidden}
	w.start()
	w.ready(w.source.commit("all", tree))
	copied := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "copied", Labels: w.configMap("a").Labels, Annotations: w.configMap("a").Annotations}}
	if _, err := w.client.CoreV1().ConfigMaps(w.namespace).Create(t.Context(), copied, metav1.CreateOptions{FieldManager: "kubectl-create"}); err != nil {
		t.Fatal(err)
	}

	broken := w.source.commit("broken", files{"a.yaml": settings("a", "2"), "bad.yaml": "apiVersion: ["})
	app := w.says(v1alpha1.ConditionStalled, "bad.yaml:1: not valid YAML")
	w.eventually(func() string {
		if w.configMap("a").Data["key"] != "2" {
			return "the good object was not applied beside the bad file"
		}
		return ""
	})
	if !w.hasConfigMap("b") || app.Status.Revision.ID == broken {
		t.Error("a file that cannot be parsed pruned another, or counts as applied")
	}

	w.source.commit("empty", files{"README.md": ""})
	w.says(v1alpha1.ConditionStalled, "the source has no objects at all; 3 objects stay as they are")
	if !w.hasConfigMap("a") || !w.hasConfigMap("b") {
		t.Error("an empty tree pruned")
	}

	w.ready(w.source.commit("one", files{"a.yaml": settings("a", "2")}))
	for name, want := range map[string]bool{"a": true, "b": false, "c": false, "forbidden": true, "copied": true} {
		if got := w.hasConfigMap(name); got != want {
			t.Errorf("ConfigMap %s is there: %v, want %v", name, got, want)
		}
	}
	pruned := w.application().Status.History[0].Changes.Pruned
	if len(pruned) != 2 || !strings.HasSuffix(pruned[0], "/c") || !strings.HasSuffix(pruned[1], "/b") {
		t.Errorf("history says that %q were pruned, want c, then b", pruned)
	}
}

func TestPruneWaitsForWhatFails(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.ready(w.source.commit("old", files{"web.yaml": web("web:v1", 1)}))
	renamed := strings.Replace(strings.Replace(web("web:v1", 1), "{name: web}", "{name: Web_2}", 1), "port", "port", 1)
	w.source.commit("rename to what is no name", files{"web.yaml": renamed, "a.yaml": settings("a", "1")})
	w.says(v1alpha1.ConditionStalled, "Web_2")
	if !w.hasConfigMap("a") {
		t.Error("a refused object stopped another")
	}
	if w.deployment("web") == nil {
		t.Error("the old Deployment was pruned though the new one could not be made")
	}
	w.event("ApplyFailed", "Web_2")
	w.ready(w.source.commit("again", files{"web.yaml": web("web:v1", 1), "a.yaml": settings("a", "1")}))
}

func TestNamespaceWithForeignObjectsStays(t *testing.T) {
	w := newWorld(t)
	extra := w.namespace + "-x"
	namespace := "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + extra + "}\n"
	inside := strings.Replace(settings("inside", "1"), "{name: inside}", "{name: inside, namespace: "+extra+"}", 1)
	tree := files{"ns.yaml": namespace, "inside.yaml": inside, "a.yaml": settings("a", "1")}
	w.start()
	w.ready(w.source.commit("namespace", tree))
	mine := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}
	if _, err := w.client.CoreV1().ConfigMaps(extra).Create(t.Context(), mine, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	app := w.ready(w.source.commit("no namespace", files{"a.yaml": settings("a", "1")}))
	if want := "holds what coracle did not apply: ConfigMap " + extra + "/mine"; !strings.Contains(app.Status.Message, want) {
		t.Errorf("message %q, want one with %q", app.Status.Message, want)
	}
	if _, err := w.client.CoreV1().ConfigMaps(extra).Get(t.Context(), "mine", metav1.GetOptions{}); err != nil {
		t.Errorf("what others made: %v", err)
	}
	if _, err := w.client.CoreV1().ConfigMaps(extra).Get(t.Context(), "inside", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("what left the source: %v, want not found", err)
	}
}

func TestObjectsOfALostNamespaceAreHeldBack(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.source.commit("bad namespace", files{
		"ns.yaml":     "apiVersion: v1\nkind: Namespace\nmetadata: {name: Not_A_Name}\n",
		"inside.yaml": strings.Replace(settings("inside", "1"), "{name: inside}", "{name: inside, namespace: Not_A_Name}", 1),
		"a.yaml":      settings("a", "1"),
	})
	w.event("ApplyFailed", "waits: the namespace Not_A_Name could not be made")
	w.eventually(func() string {
		if !w.hasConfigMap("a") {
			return "the other object was not applied"
		}
		return ""
	})
}

func TestParentSaysWhatItsMembersAre(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.ready(w.source.commit("all", files{"web.yaml": web("web:v1", 1), "a.yaml": settings("a", "1")}))
	check := func(kinds string) {
		t.Helper()
		w.eventually(func() string {
			app := w.application()
			if got := app.Annotations["applyset.kubernetes.io/contains-group-kinds"]; got != kinds {
				return "kinds are " + got
			}
			return ""
		})
	}
	check("ConfigMap,Deployment.apps")
	app := w.application()
	id := reconcile.SetID(w.namespace, "app")
	if app.Labels["applyset.kubernetes.io/id"] != id || w.configMap("a").Labels["applyset.kubernetes.io/part-of"] != id {
		t.Errorf("labels of parent %v and member %v, want the set %s", app.Labels, w.configMap("a").Labels, id)
	}
	w.ready(w.source.commit("one", files{"a.yaml": settings("a", "1")}))
	check("ConfigMap")
}
