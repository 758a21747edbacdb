package node

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// view is one Pod's containers in order.
type view struct {
	pod       *corev1.Pod
	memory    *Memory
	sandboxes []runtime.Container            // newest first
	attempts  map[string][]runtime.Container // by container name, newest first
	all       []runtime.Container            // by name, then oldest first
}

func newView(pod *corev1.Pod, seen []runtime.Container, memory *Memory) view {
	v := view{pod: pod, memory: memory, attempts: map[string][]runtime.Container{}, all: slices.Clone(seen)}
	slices.SortFunc(v.all, func(a, b runtime.Container) int {
		return cmp.Or(
			cmp.Compare(a.Labels[runtime.LabelContainerName], b.Labels[runtime.LabelContainerName]),
			cmp.Compare(attemptOf(a), attemptOf(b)), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	for _, c := range slices.Backward(v.all) {
		if isSandbox(c) {
			v.sandboxes = append(v.sandboxes, c)
			continue
		}
		name := c.Labels[runtime.LabelContainerName]
		v.attempts[name] = append(v.attempts[name], c)
	}
	return v
}

func isSandbox(c runtime.Container) bool { return c.Labels[runtime.LabelContainerType] == typeSandbox }

// sandbox is the newest one, running or not.
func (v view) sandbox() (runtime.Container, bool) {
	if len(v.sandboxes) == 0 {
		return runtime.Container{}, false
	}
	return v.sandboxes[0], true
}

// sandboxID is what containers of now carry in labelSandbox; "" if the Pod needs none or it does not run.
func (v view) sandboxID() string {
	if s, ok := v.sandbox(); ok && s.State == runtime.StateRunning {
		return s.ID
	}
	return ""
}

// inPlace says whether c shares the network of the Pod as it is now.
func (v view) inPlace(c runtime.Container) bool {
	return !needsSandbox(v.pod) || c.Labels[labelSandbox] == v.sandboxID()
}

// run is how one container of the Pod fares, over all its attempts.
type run struct {
	spec   *corev1.Container
	init   bool
	policy corev1.RestartPolicy

	current  runtime.Container // the newest attempt; zero if none was ever made
	previous runtime.Container // the newest before it that ended
	exists   bool              // current is on the engine
	lost     bool              // current was seen earlier and is gone from the engine
}

// of gathers the attempts of one container. An attempt that the API's status shows and the engine no longer has was
// removed by someone: it counts as killed, or as it ended if that is known.
func (v view) of(spec *corev1.Container, init bool) run {
	r := run{spec: spec, init: init, policy: restartPolicy(v.pod, spec, init)}
	attempts := v.attempts[spec.Name]
	if known, ok := v.lostAttempt(spec.Name, init); ok && (len(attempts) == 0 || attemptOf(attempts[0]) < attemptOf(known)) {
		r.current, r.lost = known, true
		if len(attempts) > 0 {
			r.previous = attempts[0]
		}
		return r
	}
	if len(attempts) > 0 {
		r.current, r.exists = attempts[0], true
	}
	if len(attempts) > 1 {
		r.previous = attempts[1]
	}
	return r
}

// lostAttempt is the newest attempt that was seen, by this agent or by the one that wrote the API's status, as a container that
// has ended.
func (v view) lostAttempt(name string, init bool) (runtime.Container, bool) {
	if c, ok := v.memory.Newest[name]; ok {
		if c.State != runtime.StateExited {
			c.State, c.ExitCode = runtime.StateExited, exitKilled
		}
		return c, true
	}
	status, ok := v.reported(name, init)
	if !ok || status.ContainerID == "" {
		return runtime.Container{}, false
	}
	c := runtime.Container{
		ID: strings.TrimPrefix(status.ContainerID, "docker://"), Image: status.Image, ImageID: status.ImageID,
		State: runtime.StateExited, ExitCode: exitKilled,
		Labels: map[string]string{
			runtime.LabelContainerName: name,
			labelAttempt:               strconv.Itoa(int(status.RestartCount)),
		},
	}
	if ended := status.State.Terminated; ended != nil {
		c.ExitCode, c.Started, c.Finished = int(ended.ExitCode), ended.StartedAt.Time, ended.FinishedAt.Time
	}
	return c, true
}

func (v view) reported(name string, init bool) (corev1.ContainerStatus, bool) {
	statuses := v.pod.Status.ContainerStatuses
	if init {
		statuses = v.pod.Status.InitContainerStatuses
	}
	i := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == name })
	if i < 0 {
		return corev1.ContainerStatus{}, false
	}
	return statuses[i], true
}

const (
	exitKilled     = 137 // 128 + SIGKILL
	exitStartError = 128 // as containerd's shim reports a container that could not be started
)

// startFailure is why the current attempt did not start, if it did not.
func (v view) startFailure(c runtime.Container) (Failure, bool) {
	if c.State == runtime.StateRunning || !c.Started.IsZero() {
		return Failure{}, false
	}
	if f, ok := v.memory.Starts[c.ID]; ok {
		return f, true
	}
	if c.Error != "" {
		return Failure{Message: c.Error, At: c.Created, Tries: 1}, true
	}
	return Failure{}, false
}

// ended says whether the current attempt is over, with its exit code and when.
func (v view) ended(r run) (exitCode int, at time.Time, ok bool) {
	if f, failed := v.startFailure(r.current); (r.exists || r.lost) && failed {
		return exitStartError, f.At, true
	}
	if !r.exists && !r.lost || r.current.State != runtime.StateExited {
		return 0, time.Time{}, false
	}
	return r.current.ExitCode, r.current.Finished, true
}

// done says whether the container has ended and will not run again.
func (v view) done(r run) bool {
	exit, _, ended := v.ended(r)
	return ended && !restarts(r.policy, exit) && !changed(r)
}

// changed says whether the Pod now names another image than the one that the container was made from.
func changed(r run) bool {
	return r.exists && !r.init && r.current.Image != r.spec.Image
}

// initialised says whether every init container has done its part, and names those that have not. Once a later container
// was made in the Pod's present sandbox, they have, whoever removed them since.
func (v view) initialised() (waiting []string) {
	for i := range v.pod.Spec.Containers {
		if c := v.of(&v.pod.Spec.Containers[i], false); c.exists && v.inPlace(c.current) && v.hasNetwork() {
			return nil
		}
	}
	for i := range v.pod.Spec.InitContainers {
		r := v.of(&v.pod.Spec.InitContainers[i], true)
		if !v.initDone(r) {
			waiting = append(waiting, r.spec.Name)
		}
	}
	return waiting
}

func (v view) initDone(r run) bool {
	if isSidecar(r.spec) {
		return r.exists && v.inPlace(r.current) && v.started(r)
	}
	exit, at, ended := v.ended(r)
	if !ended || exit != 0 {
		return false
	}
	if r.lost {
		s, ok := v.sandbox()
		return !ok || s.Created.Before(at)
	}
	return v.inPlace(r.current)
}

// hasNetwork says whether a container can be started in the Pod now.
func (v view) hasNetwork() bool { return !needsSandbox(v.pod) || v.sandboxID() != "" }

// started says whether a container runs, its postStart hook is done and its startup probe has succeeded.
func (v view) started(r run) bool {
	if !r.exists || r.current.State != runtime.StateRunning || !v.inPlace(r.current) {
		return false
	}
	if hook, ok := v.memory.Hooks[r.current.ID]; ok && (!hook.Done || hook.Message != "") {
		return false
	}
	return r.spec.StartupProbe == nil || v.memory.Probes[r.current.ID].Started
}

// ready says whether a container counts in the Pod's readiness.
func (v view) ready(r run) bool {
	return v.started(r) && (r.spec.ReadinessProbe == nil || v.memory.Probes[r.current.ID].Ready)
}

// ending says whether no container of the Pod will be started again.
func (v view) ending(now time.Time) bool {
	_, over := v.over()
	return over || v.pod.DeletionTimestamp != nil || isFinished(v.pod) || v.pastDeadline(now)
}

// pastDeadline says whether the Pod has run for longer than activeDeadlineSeconds.
func (v view) pastDeadline(now time.Time) bool {
	deadline, ok := activeDeadline(v.pod)
	return ok && !now.Before(deadline)
}

// over says whether nothing of the Pod will ever run again, and which phase that is.
func (v view) over() (corev1.PodPhase, bool) {
	for i := range v.pod.Spec.InitContainers {
		r := v.of(&v.pod.Spec.InitContainers[i], true)
		if exit, _, _ := v.ended(r); v.done(r) && exit != 0 && len(v.initialised()) > 0 {
			return corev1.PodFailed, true
		}
	}
	phase := corev1.PodSucceeded
	for i := range v.pod.Spec.Containers {
		r := v.of(&v.pod.Spec.Containers[i], false)
		if !v.done(r) {
			return "", false
		}
		if exit, _, _ := v.ended(r); exit != 0 {
			phase = corev1.PodFailed
		}
	}
	return phase, true
}
