package deployment

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"pgregory.net/rapid"
)

// TestRolloutsStayInBounds plays rollouts in which the Deployment, each ReplicaSet, each Pod and the user move in any
// order, on information as old as that makes it. The user pushes, pauses and resumes. Never are there more Pods than
// replicas+surge; never do we take an available one below replicas−unavailable, but for those that died.
func TestRolloutsStayInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.play(t, 2)
	})
}

// TestAnyChangeConverges has the user change the number of replicas and the bounds too, at any time.
func TestAnyChangeConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.anyChange = true
		w.play(t, 5)
	})
}

func drawWorld(t *rapid.T) *world {
	w := newWorld(rapid.Int32Range(0, 12).Draw(t, "replicas"), drawBound(t, "surge"), drawBound(t, "unavailable"))
	if rapid.IntRange(0, 4).Draw(t, "strategy") == 0 {
		w.d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
	}
	*w.d.Spec.RevisionHistoryLimit = rapid.Int32Range(0, 3).Draw(t, "history")
	w.finishRollout(t)
	return w
}

// play makes 40 moves, a few of which are of kinds that the user makes, and then lets a last rollout finish.
func (w *world) play(t *rapid.T, kinds int) {
	most := boundsOf(w.d).most
	for step := range 40 {
		if step == 0 || rapid.IntRange(0, 9).Draw(t, "user") == 0 {
			w.userActs(t, kinds)
		}
		most = max(most, boundsOf(w.d).most)
		w.move(t, step)
		if total, _ := w.count(); total > most {
			t.Fatalf("step %d: %d Pods, may be %d at most", step, total, most)
		}
	}
	w.edit(func(spec *appsv1.DeploymentSpec) { spec.Paused = false })
	w.push("final")
	w.finishRollout(t)
}

func drawBound(t *rapid.T, name string) string {
	return rapid.SampledFrom([]string{"0", "1", "2", "3", "25%", "50%", "100%"}).Draw(t, name)
}

func (w *world) userActs(t *rapid.T, kinds int) {
	switch rapid.IntRange(0, kinds).Draw(t, "act") {
	case 0, 1:
		w.push(rapid.SampledFrom([]string{"v1", "v2", "v3", "bad1", "bad2"}).Draw(t, "push"))
	case 2:
		w.edit(func(spec *appsv1.DeploymentSpec) { spec.Paused = !spec.Paused })
	case 3, 4:
		w.scale(rapid.Int32Range(0, 12).Draw(t, "scale"))
	case 5:
		w.edit(func(spec *appsv1.DeploymentSpec) {
			if spec.Strategy.RollingUpdate != nil {
				spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{
					MaxSurge: number(drawBound(t, "new surge")), MaxUnavailable: number(drawBound(t, "new unavailable"))}
			}
		})
	}
}

// move lets one part of the world act.
func (w *world) move(t *rapid.T, step int) {
	w.now = w.now.Add(time.Second)
	action := rapid.IntRange(0, 9).Draw(t, "action")
	if action <= 2 || len(w.sets) == 0 {
		w.checkedDecide(t)
		return
	}
	s := rapid.SampledFrom(w.sets).Draw(t, "set")
	switch {
	case action <= 5:
		w.checkedSync(t, s, step)
	case action <= 8:
		for _, p := range s.pods {
			if rapid.Bool().Draw(t, "starts") {
				s.start(p)
			}
		}
	case len(s.pods) > 0:
		if at := rapid.IntRange(0, len(s.pods)-1).Draw(t, "pod"); s.pods[at].terminating {
			s.pods = slices.Delete(s.pods, at, at+1)
		} else if rapid.IntRange(0, 3).Draw(t, "dies") == 0 && s.pods[at].available {
			s.pods[at].ready, s.pods[at].available = false, false
			w.deaths++
		}
	}
}

// checkedSync is sync, and checks that no available Pod is taken when too few are left.
func (w *world) checkedSync(t *rapid.T, s *set, step int) {
	_, before := w.count()
	w.sync(s)
	_, after := w.count()
	least := boundsOf(w.d).least
	if after < before && after < least-w.deaths && !w.anyChange && w.d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType {
		t.Fatalf("step %d: %d of %d available Pods left, must be %d at least, less %d that died", step, after, before, least, w.deaths)
	}
}

// checkedDecide is decide, and checks what must hold of every plan.
func (w *world) checkedDecide(t *rapid.T) (acted bool) {
	d, observed := w.d.DeepCopy(), w.observed()
	var copies []*appsv1.ReplicaSet
	for _, rs := range observed.ReplicaSets {
		copies = append(copies, rs.DeepCopy())
	}
	plan := Decide(w.d, observed, w.now)
	if !reflect.DeepEqual(d, w.d) || !reflect.DeepEqual(copies, observed.ReplicaSets) {
		t.Fatalf("Decide changed what it was given:\n%s%s", cmp.Diff(d, w.d), cmp.Diff(copies, observed.ReplicaSets))
	}
	shuffled := Observed{Running: observed.Running, ReplicaSets: rapid.Permutation(slices.Clone(observed.ReplicaSets)).Draw(t, "order")}
	if other := Decide(w.d, shuffled, w.now); !reflect.DeepEqual(plan, other) {
		t.Fatalf("another order of ReplicaSets gives another plan:\n%s", cmp.Diff(plan, other))
	}
	for _, rs := range plan.Delete {
		if replicas(rs) > 0 || rs.Status.Replicas > 0 || sameTemplate(&rs.Spec.Template, &w.d.Spec.Template) {
			t.Fatalf("deletes the ReplicaSet of %s, which has Pods or is the newest", version(&rs.Spec.Template))
		}
	}
	return w.apply(plan)
}

// finishRollout lets all parts act in turn until nothing happens, and checks that this is where the Deployment wants to be.
func (w *world) finishRollout(t *rapid.T) {
	for round, quiet := 0, 0; quiet < 3; round++ {
		w.now = w.now.Add(time.Second)
		quiet++
		if _, acted := w.decide(); acted {
			quiet = 0
		}
		for _, s := range w.sets {
			for _, p := range s.pods {
				s.start(p)
			}
			s.stop()
			w.sync(s)
		}
		if round > 300 {
			t.Fatalf("not finished after %d rounds: %s", round, w)
		}
	}
	total, available := w.count()
	if want := orOne(w.d.Spec.Replicas); total != want || available != want || w.d.Status.UpdatedReplicas != want {
		t.Fatalf("want %d Pods of %s, all available: %s", want, version(&w.d.Spec.Template), w)
	}
	if w.reason() != reasonComplete || find(w.d.Status.Conditions, appsv1.DeploymentAvailable).Status != "True" {
		t.Fatalf("finished, but conditions are %v", w.d.Status.Conditions)
	}
	if len(w.sets) > int(*w.d.Spec.RevisionHistoryLimit)+1 {
		t.Fatalf("%d ReplicaSets with a history of %d", len(w.sets), *w.d.Spec.RevisionHistoryLimit)
	}
	before := w.d.DeepCopy()
	if w.checkedDecide(t) || !reflect.DeepEqual(before, w.d) {
		t.Fatalf("acts though all is as wanted:\n%s", cmp.Diff(before, w.d))
	}
}

func (w *world) String() string {
	var text string
	for _, s := range w.sets {
		text += fmt.Sprintf("%s: wants %d, status %+v; ", version(&s.rs.Spec.Template), replicas(s.rs), s.rs.Status)
	}
	return text
}
