package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/runtime"
)

// world plays the life of one Pod against Plan and Status, with no engine and no clock: steps take effect at once, and time
// passes only between them.
type world struct {
	pod        *corev1.Pod
	containers []runtime.Container
	memory     *Memory
	now        time.Time
	gone       bool

	lives  map[string][]life // by container name: how its starts fare, one after another; then it runs for ever
	images map[string]string // by reference: why it cannot be pulled
	stops  time.Duration     // how long a container takes to stop
	ends   map[string]end    // by id: what is to come
	made   int
	trace  strings.Builder
	shown  string
}

// life of one attempt.
type life struct {
	lasts  time.Duration
	exit   int
	oom    bool
	failed string // why it does not start
}

type end struct {
	at   time.Time
	exit int
	oom  bool
}

var dawn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newWorld(pod *corev1.Pod) *world {
	return &world{
		pod: pod, memory: NewMemory(), now: dawn, stops: time.Second,
		lives: map[string][]life{}, images: map[string]string{}, ends: map[string]end{},
	}
}

func (w *world) say(format string, args ...any) {
	fmt.Fprintf(&w.trace, "%8s  %s\n", w.now.Sub(dawn), fmt.Sprintf(format, args...))
}

// settle plans and acts until there is nothing to do, and returns when to look again.
func (w *world) settle() time.Time {
	for range 200 {
		w.memory.observe(w.containers)
		plan := Plan(w.pod, w.containers, w.memory, w.now)
		w.pod.Status = Status(w.pod, w.containers, w.memory, "192.0.2.1", w.now)
		if line := string(w.pod.Status.Phase) + ": " + summary(w.pod) + conditionLine(w.pod); line != w.shown {
			w.shown = line
			w.say("%s", line)
		}
		if len(plan.Do) == 0 {
			return plan.Wake
		}
		for _, step := range plan.Do {
			w.say("    %s", step)
			w.act(step)
		}
		if w.gone {
			return time.Time{}
		}
	}
	panic("does not come to rest:\n" + w.trace.String())
}

func conditionLine(pod *corev1.Pod) string {
	line := ""
	for _, c := range pod.Status.Conditions {
		if c.Status == corev1.ConditionTrue && c.Type != corev1.PodScheduled {
			line += " " + string(c.Type)
		}
	}
	return line
}

// pass lets time go by until the world is at rest, or as long as that.
func (w *world) pass(d time.Duration) {
	until := w.now.Add(d)
	for {
		next := until
		wake := w.settle()
		if w.gone {
			return
		}
		if !wake.IsZero() && wake.Before(next) {
			next = wake
		}
		for _, e := range w.ends {
			if e.at.Before(next) {
				next = e.at
			}
		}
		if !next.Before(until) {
			w.now = until
			w.endDue()
			w.settle()
			return
		}
		w.now = next
		w.endDue()
	}
}

func (w *world) endDue() {
	for i, c := range w.containers {
		if e, ok := w.ends[c.ID]; ok && !e.at.After(w.now) {
			w.end(i, e.exit, e.oom)
		}
	}
}

func (w *world) end(i, exit int, oom bool) {
	c := &w.containers[i]
	delete(w.ends, c.ID)
	delete(w.memory.Stopping, c.ID)
	c.State, c.ExitCode, c.OOMKilled, c.Finished = runtime.StateExited, exit, oom, w.now
}

func (w *world) act(step Step) {
	switch step.Action {
	case SetUpVolumes:
		w.memory.VolumesReady = true
	case GetImage:
		w.getImage(step)
	case CreateSandbox:
		w.create(step, sandboxName, typeSandbox, runtime.SandboxImage)
	case Create:
		w.create(step, step.Container, typeContainer, containerByName(w.pod, step.Container).Image)
	case Start:
		w.start(step)
	case Stop:
		w.memory.Stopping[step.ID] = step.Deadline
		e := end{at: w.now.Add(w.stops), exit: 0}
		if e.at.After(step.Deadline) {
			e.at, e.exit = step.Deadline, exitKilled
		}
		w.ends[step.ID] = e
	case ReadMessage:
		w.memory.Messages[step.ID] = ""
	case NoteBackoff:
		w.memory.Noted[step.Container] = step.Note
	case Remove:
		w.remove(step.ID)
	case Forget:
		w.gone = true
	}
}

func (w *world) getImage(step Step) {
	ref := containerByName(w.pod, step.Container).Image
	before := w.memory.Images[step.Container]
	if why := w.images[ref]; why != "" {
		w.memory.Images[step.Container] = ImageState{
			Ref: ref, Attempt: step.Attempt, Phase: ImageFailed, Failure: before.Failure.again(reasonErrImagePull, why, w.now),
		}
		return
	}
	w.memory.Images[step.Container] = ImageState{Ref: ref, Attempt: step.Attempt, Phase: ImageReady}
}

func (w *world) create(step Step, name, kind, image string) {
	w.made++
	key := keyOf(w.pod)
	c := runtime.Container{
		ID: fmt.Sprintf("id%d", w.made), Name: containerName(name, key, step.Attempt), Image: image,
		Labels: labels("n1", key, w.pod, name, step.Attempt), State: runtime.StateCreated, Created: w.now,
	}
	c.Labels[runtime.LabelContainerType] = kind
	for _, other := range w.containers {
		if other.Name == c.Name {
			panic("made twice: " + c.Name)
		}
	}
	if kind == typeContainer && needsSandbox(w.pod) {
		c.Labels[labelSandbox] = newView(w.pod, w.containers, w.memory).sandboxID()
	} else {
		c.Labels[runtime.LabelIP] = "10.9.0.2"
	}
	if step.Backoff > 0 {
		c.Labels[labelBackoff] = step.Backoff.String()
	}
	w.containers = append(w.containers, c)
}

func (w *world) start(step Step) {
	i := slices.IndexFunc(w.containers, func(c runtime.Container) bool { return c.ID == step.ID })
	c := &w.containers[i]
	if lives := w.lives[step.Container]; len(lives) > 0 {
		w.lives[step.Container] = lives[1:]
		if lives[0].failed != "" {
			w.memory.Starts[c.ID] = Failure{Message: lives[0].failed, At: w.now, Tries: 1}
			c.Error = lives[0].failed
			return
		}
		w.ends[c.ID] = end{at: w.now.Add(lives[0].lasts), exit: lives[0].exit, oom: lives[0].oom}
	}
	c.State, c.Started = runtime.StateRunning, w.now
}

func (w *world) remove(id string) {
	w.containers = slices.DeleteFunc(w.containers, func(c runtime.Container) bool { return c.ID == id })
	delete(w.ends, id)
}

// named is the index of a running container, -1 if it does not run.
func (w *world) named(name string) int {
	return slices.IndexFunc(w.containers, func(c runtime.Container) bool {
		return c.Labels[runtime.LabelContainerName] == name && c.State == runtime.StateRunning
	})
}

// delete marks the Pod as the API does.
func (w *world) delete(grace time.Duration) {
	w.say("deleted, grace %s", grace)
	until, seconds := metav1.NewTime(w.now.Add(grace)), int64(grace/time.Second)
	w.pod.DeletionTimestamp, w.pod.DeletionGracePeriodSeconds = &until, &seconds
}
