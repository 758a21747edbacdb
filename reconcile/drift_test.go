package reconcile_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func TestDriftComesBack(t *testing.T) {
	w := newWorld(t)
	id := w.source.commit("web", files{"web.yaml": web("web:v1", 2), "settings.yaml": settings("settings", "one")})
	w.start()
	w.ready(id)
	began := time.Now()

	w.patchDeployment("web", "kubectl-edit", `{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:bad"}]}}}}`)
	w.eventually(func() string { return image(w, "web:v1") })
	w.event("DriftCorrected", `spec.template.spec.containers[web].image "web:bad" → "web:v1"`)
	w.event("DriftCorrected", "was changed by kubectl-edit")

	w.patchDeployment("web", "kubectl-scale", `{"spec":{"replicas":7}}`)
	w.eventually(func() string {
		if n := *w.deployment("web").Spec.Replicas; n != 2 {
			return "replicas are not put back"
		}
		return ""
	})
	if _, err := w.client.CoreV1().ConfigMaps(w.namespace).Patch(t.Context(), "settings", types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"applyset.kubernetes.io/part-of":null}}}`), metav1.PatchOptions{FieldManager: "someone"}); err != nil {
		t.Fatal(err)
	}
	w.eventually(func() string {
		if w.configMap("settings").Labels["applyset.kubernetes.io/part-of"] == "" {
			return "label is not put back"
		}
		return ""
	})
	if err := w.client.CoreV1().ConfigMaps(w.namespace).Delete(t.Context(), "settings", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.eventually(func() string {
		if _, err := w.client.CoreV1().ConfigMaps(w.namespace).Get(t.Context(), "settings", metav1.GetOptions{}); err != nil {
			return err.Error()
		}
		return ""
	})
	w.event("DriftCorrected", "ConfigMap "+w.namespace+"/settings was deleted")
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("four corrections took %s", took)
	}
	if got := w.configMap("settings").Annotations[v1alpha1.CommitAnnotation]; got != id {
		t.Errorf("after its return the ConfigMap is from commit %q, want %q", got, id)
	}
	if history := w.application().Status.History; len(history) != 1 {
		t.Errorf("drift made history: %+v", history)
	}
}

func image(w *world, want string) string {
	if got := w.deployment("web").Spec.Template.Spec.Containers[0].Image; got != want {
		return "image is " + got
	}
	return ""
}

func TestWhatTheSourceDoesNotStateIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	id := w.source.commit("web", files{"web.yaml": web("web:v1", 0)})
	w.start()
	w.ready(id)
	w.patchDeployment("web", "autoscaler", `{"spec":{"replicas":3},"metadata":{"labels":{"team":"shop"}}}`)
	w.writes.take()
	w.syncNow()
	if writes := w.writes.take(); len(writes) > 0 {
		t.Errorf("a field of others was taken for drift: wrote %q", writes)
	}
	w.ready(w.source.commit("v2", files{"web.yaml": web("web:v2", 0)}))
	if got := w.deployment("web"); *got.Spec.Replicas != 3 || got.Labels["team"] != "shop" {
		t.Errorf("after a new commit: %d replicas and labels %v; want 3, and team=shop", *got.Spec.Replicas, got.Labels)
	}
}

func TestUnchangedCostsNoWrite(t *testing.T) {
	w := newWorld(t)
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: s, creationTimestamp: null}\nstringData: {password: hunter2}\n"
	service := "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 53, protocol: UDP, name: dns}, {port: 80, name: http}]}\nstatus: {loadBalancer: {}}\n"
	id := w.source.commit("all", files{"web.yaml": web("web:v1", 1), "settings.yaml": settings("settings", "one"), "secret.yaml": secret, "service.yaml": service})
	w.start()
	w.ready(id)
	w.eventually(func() string { // the watch has shown all that was applied
		w.writes.take()
		w.syncNow()
		if writes := w.writes.take(); len(writes) > 0 {
			return "still writes"
		}
		return ""
	})
	w.stopLoop()
	w.writes.take()
	w.start()
	w.syncNow()
	if writes := w.writes.take(); len(writes) > 0 {
		t.Errorf("a new process wrote %q", writes)
	}
}

func TestDriftWhileAwayIsCorrectedAndKeepsItsCommit(t *testing.T) {
	w := newWorld(t)
	tree := files{"a.yaml": settings("a", "1"), "b.yaml": settings("b", "1")}
	first := w.source.commit("first", tree)
	second := w.source.commit("second", tree.with(files{"b.yaml": settings("b", "2")}))
	w.start()
	w.ready(second)
	w.stopLoop()
	if _, err := w.client.CoreV1().ConfigMaps(w.namespace).Patch(t.Context(), "a", types.MergePatchType, []byte(`{"data":{"key":"drifted"}}`),
		metav1.PatchOptions{FieldManager: "someone"}); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.event("DriftCorrected", `data.key "drifted" → "1"`)
	w.ready(second)
	if got := w.configMap("a"); got.Data["key"] != "1" || got.Annotations[v1alpha1.CommitAnnotation] != first {
		t.Errorf("after the correction: %v from commit %s, want 1 from %s", got.Data, got.Annotations[v1alpha1.CommitAnnotation], first)
	}
}

func TestRemovedFieldGoes(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.source.fail(errUnreachable)
	w.source.commit("two keys", files{"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {one: '1', two: '2'}\n"})
	w.source.fail(nil)
	w.eventually(func() string {
		if _, err := w.client.CoreV1().ConfigMaps(w.namespace).Get(t.Context(), "a", metav1.GetOptions{}); err != nil {
			return err.Error()
		}
		return ""
	})
	w.ready(w.source.commit("one key", files{"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {one: '1'}\n"}))
	if diff := cmp.Diff(map[string]string{"one": "1"}, w.configMap("a").Data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

func TestFightsAreSlowedDown(t *testing.T) {
	w := newWorld(t)
	id := w.source.commit("a", files{"a.yaml": settings("a", "1")})
	w.start()
	w.ready(id)
	for range 4 {
		if _, err := w.client.CoreV1().ConfigMaps(w.namespace).Patch(t.Context(), "a", types.MergePatchType, []byte(`{"data":{"key":"mine"}}`),
			metav1.PatchOptions{FieldManager: "rival"}); err != nil {
			t.Fatal(err)
		}
		w.eventually(func() string {
			if w.configMap("a").Data["key"] != "1" {
				return "not put back"
			}
			return ""
		})
	}
	w.event("DriftReturns", "was changed by rival again, 4 times in a row; next correction in 1s")
}
