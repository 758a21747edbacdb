package node

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"coracle.dev/coracle/runtime"
)

// Whatever happens to a Pod, in whatever order: it comes to rest, at rest nothing is to be done, an agent that has forgotten
// everything restarts nothing, a final phase stays, and a deleted Pod leaves nothing behind.
func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(drawPod(t))
		w.stops = time.Duration(rapid.IntRange(0, 40).Draw(t, "stops")) * time.Second
		eachContainer(w.pod, func(c *corev1.Container, init bool) { w.lives[c.Name] = drawLives(t, c.Name, init) })
		var final corev1.PodPhase
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			happen(t, w)
			w.pass(time.Duration(rapid.IntRange(0, 120).Draw(t, "pass")) * time.Second)
			checkRest(t, w)
			if final != "" && w.pod.Status.Phase != final {
				t.Fatalf("phase went from %s to %s\n%s", final, w.pod.Status.Phase, w.trace.String())
			}
			if isFinished(w.pod) {
				final = w.pod.Status.Phase
			}
		}
		w.delete(30 * time.Second)
		w.pass(time.Hour)
		if !w.gone || len(w.containers) > 0 {
			t.Fatalf("left behind: %d containers\n%s", len(w.containers), w.trace.String())
		}
	})
}

func drawPod(t *rapid.T) *corev1.Pod {
	pod := podOf("web", slices.Repeat([]string{"web:v1"}, rapid.IntRange(1, 3).Draw(t, "containers"))...)
	pod.Spec.RestartPolicy = rapid.SampledFrom([]corev1.RestartPolicy{
		corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever,
	}).Draw(t, "policy")
	pod.Spec.HostNetwork = rapid.Bool().Draw(t, "hostNetwork")
	always := corev1.ContainerRestartPolicyAlways
	for i := range rapid.IntRange(0, 2).Draw(t, "init") {
		withInit(pod, fmt.Sprintf("i%d", i))
		if rapid.Bool().Draw(t, "sidecar") {
			pod.Spec.InitContainers[i].RestartPolicy = &always
		}
	}
	return pod
}

func drawLives(t *rapid.T, name string, init bool) []life {
	lives := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) life {
		l := life{lasts: time.Duration(rapid.IntRange(0, 900).Draw(t, "lasts")) * time.Second, exit: rapid.IntRange(0, 1).Draw(t, "exit")}
		if rapid.IntRange(0, 9).Draw(t, "fails") == 0 {
			l.failed = "no such command"
		}
		return l
	}), 0, 4).Draw(t, name)
	for range 20 { // init containers end, at last
		if init {
			lives = append(lives, life{lasts: time.Second})
		}
	}
	return lives
}

// happen is one thing that others do to the Pod.
func happen(t *rapid.T, w *world) {
	if len(w.containers) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.containers)-1).Draw(t, "which")
	switch rapid.SampledFrom([]string{"nothing", "kill", "remove", "forget", "image"}).Draw(t, "event") {
	case "kill":
		if w.containers[i].State == runtime.StateRunning {
			w.say("killed: %s", w.containers[i].Name)
			w.end(i, exitKilled, false)
		}
	case "remove":
		w.say("removed: %s", w.containers[i].Name)
		w.remove(w.containers[i].ID)
	case "forget":
		w.say("the agent is restarted")
		w.memory = NewMemory()
	case "image":
		w.say("new image")
		w.pod.Spec.Containers[0].Image += "1"
	}
}

func checkRest(t *rapid.T, w *world) {
	plan := Plan(w.pod, w.containers, w.memory, w.now)
	if len(plan.Do) > 0 {
		t.Fatalf("at rest, but: %v\n%s", plan.Do, w.trace.String())
	}
	shuffled := rapid.Permutation(w.containers).Draw(t, "order")
	if diff := cmp.Diff(plan, Plan(w.pod, shuffled, w.memory, w.now)); diff != "" {
		t.Fatalf("the order of containers matters: %s", diff)
	}
	if a, b := Status(w.pod, w.containers, w.memory, "", w.now), Status(w.pod, shuffled, w.memory, "", w.now); !sameStatus(a, b) {
		t.Fatalf("the order of containers matters: %s", cmp.Diff(a, b))
	}
	running := map[string]int{}
	for _, c := range w.containers {
		if _, stopping := w.memory.Stopping[c.ID]; c.State == runtime.StateRunning && !stopping {
			running[c.Labels[runtime.LabelContainerName]]++
		}
	}
	for name, n := range running {
		if n > 1 {
			t.Fatalf("%d containers %s run\n%s", n, name, w.trace.String())
		}
	}
	if len(w.memory.Stopping) > 0 {
		return // a forgotten stop is begun again, which is as it should be
	}
	for _, step := range Plan(w.pod, w.containers, NewMemory(), w.now).Do {
		switch step.Action {
		case ReadMessage, NoteBackoff, GetImage, SetUpVolumes:
		default:
			t.Fatalf("an agent that forgot would: %s\n%s", step, w.trace.String())
		}
	}
}
