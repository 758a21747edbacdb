package node

import (
	"cmp"
	"slices"
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
	_, _, doomed := v.doomed(now)
	return over || v.pod.DeletionTimestamp != nil || isFinished(v.pod) || doomed
}

// doomed says whether the node must end the Pod, and why: it has run for longer than activeDeadlineSeconds, or it has
// filled a volume beyond its limit.
func (v view) doomed(now time.Time) (reason, message string, ok bool) {
	if v.memory.Evicted != "" {
		return "Evicted", v.memory.Evicted, true
	}
	if deadline, ok := activeDeadline(v.pod); ok && !now.Before(deadline) {
		return "DeadlineExceeded", "Pod was active on the node longer than the specified deadline", true
	}
	return "", "", false
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
