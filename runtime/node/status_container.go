package node

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// status of one container, as `kubectl describe` prints it.
func (v view) status(r run, now time.Time) corev1.ContainerStatus {
	started := v.started(r)
	status := corev1.ContainerStatus{
		Name:    r.spec.Name,
		Image:   r.spec.Image,
		Started: &started,
	}
	if r.exists || r.lost {
		status.RestartCount = int32(attemptOf(r.current))
		status.ContainerID = containerID(r.current.ID)
		status.ImageID = imageID(r.current)
	}
	if r.previous.ID != "" {
		status.LastTerminationState.Terminated = v.terminated(r, r.previous, now)
	} else if known, ok := v.reported(r.spec.Name, r.init); ok && status.RestartCount == known.RestartCount {
		status.LastTerminationState = known.LastTerminationState
	} else if lost, ok := v.lostAttempt(r.spec.Name, r.init); ok && attemptOf(lost) < attemptOf(r.current) {
		status.LastTerminationState.Terminated = v.terminated(r, lost, now)
	}
	v.setState(&status, r, now)
	status.Ready = v.ready(r) || r.init && !isSidecar(r.spec) && status.State.Terminated != nil && status.State.Terminated.ExitCode == 0
	if r.init && isSidecar(r.spec) {
		status.Ready = v.ready(r)
	}
	return status
}

func (v view) setState(status *corev1.ContainerStatus, r run, now time.Time) {
	state := &status.State
	_, at, ended := v.ended(r)
	switch {
	case r.exists && r.current.State == runtime.StateRunning && v.hookRunning(r):
		state.Waiting = &corev1.ContainerStateWaiting{Reason: v.waitingReason()}
	case r.exists && r.current.State == runtime.StateRunning:
		state.Running = &corev1.ContainerStateRunning{StartedAt: *stamp(r.current.Started)}
	case !ended:
		state.Waiting = v.waiting(r, now)
	case v.done(r) || v.ending(now):
		state.Terminated = v.terminated(r, r.current, now)
	default: // it will run again
		terminated := v.terminated(r, r.current, now)
		waiting := v.waiting(r, now)
		if backoff := backoffOf(r.current); now.Before(at.Add(backoff)) {
			waiting = &corev1.ContainerStateWaiting{
				Reason: "CrashLoopBackOff", Message: crashLoopMessage(backoff, v.pod, r.spec.Name),
			}
			if f, failed := v.startFailure(r.current); failed && now.Before(f.At.Add(startErrorShown)) {
				waiting = &corev1.ContainerStateWaiting{Reason: "RunContainerError", Message: f.Message}
			}
		} else if waiting.Message == "" {
			state.Terminated = terminated // about to be restarted
			return
		}
		state.Waiting = waiting
		status.LastTerminationState.Terminated = terminated
	}
}

// startErrorShown is how long RunContainerError can be read before CrashLoopBackOff takes its place.
const startErrorShown = 3 * time.Second

func (v view) hookRunning(r run) bool {
	hook, ok := v.memory.Hooks[r.current.ID]
	return ok && !hook.Done
}

// waiting is why the next attempt of a container has not been made; its Message is set only if something is wrong.
func (v view) waiting(r run, now time.Time) *corev1.ContainerStateWaiting {
	if f := v.memory.Creations[r.spec.Name]; f.Tries > 0 {
		return &corev1.ContainerStateWaiting{Reason: f.Reason, Message: f.Message}
	}
	image := v.memory.Images[r.spec.Name]
	if image.Failure.Tries == 0 || image.Ref != r.spec.Image || image.Phase == ImageReady {
		return &corev1.ContainerStateWaiting{Reason: v.waitingReason()}
	}
	f := image.Failure
	if f.Reason == reasonErrImagePull && !now.Before(image.backingOffAt()) {
		return &corev1.ContainerStateWaiting{
			Reason: "ImagePullBackOff", Message: fmt.Sprintf("Back-off pulling image %q: %s: %s", image.Ref, f.Reason, f.Message),
		}
	}
	return &corev1.ContainerStateWaiting{Reason: f.Reason, Message: f.Message}
}

// terminated describes one attempt that ended. What the API was told of it before stands.
func (v view) terminated(r run, c runtime.Container, now time.Time) *corev1.ContainerStateTerminated {
	if known, ok := v.reported(r.spec.Name, r.init); ok && v.memory.Messages[c.ID] == "" {
		for _, state := range []corev1.ContainerState{known.State, known.LastTerminationState} {
			if t := state.Terminated; t != nil && t.ContainerID == containerID(c.ID) {
				return t
			}
		}
	}
	t := &corev1.ContainerStateTerminated{
		ExitCode: int32(c.ExitCode), ContainerID: containerID(c.ID),
		Message: v.memory.Messages[c.ID],
	}
	failure, failed := v.startFailure(c)
	switch {
	case failed:
		t.Reason, t.Message, t.ExitCode = "StartError", failure.Message, exitStartError
		t.FinishedAt = *stamp(failure.At)
		return t
	case c.Finished.IsZero():
		t.Reason, t.Message = "ContainerStatusUnknown", "The container could not be located when the pod was terminated"
		t.FinishedAt = *stamp(now)
		return t
	case c.OOMKilled:
		t.Reason = "OOMKilled"
	case c.ExitCode == 0:
		t.Reason = "Completed"
	default:
		t.Reason = "Error"
	}
	t.StartedAt, t.FinishedAt = *stamp(c.Started), *stamp(c.Finished)
	return t
}

// imageID is what can be pulled again, where the image came from a registry.
func imageID(c runtime.Container) string {
	if len(c.RepoDigests) > 0 {
		return pullableScheme + c.RepoDigests[0]
	}
	if c.ImageID == "" {
		return ""
	}
	return imageScheme + c.ImageID
}

// What image IDs begin with in the API, as dockershim had it.
const (
	imageScheme    = "docker://"
	pullableScheme = "docker-pullable://"
)
