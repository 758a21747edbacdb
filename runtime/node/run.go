package node

import (
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

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
		ID: strings.TrimPrefix(status.ContainerID, "docker://"), Image: status.Image, ImageID: strings.TrimPrefix(status.ImageID, imageScheme),
		State: runtime.StateExited, ExitCode: exitKilled,
		Labels: map[string]string{
			runtime.LabelContainerName: name,
			labelAttempt:               strconv.Itoa(int(status.RestartCount)),
		},
	}
	if digest, ok := strings.CutPrefix(status.ImageID, pullableScheme); ok {
		c.ImageID, c.RepoDigests = "", []string{digest}
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
