package node

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// run brings a Pod up and keeps it so: volumes, sandbox, init containers one after another, then the others.
func (p *planner) run() {
	p.readMessages()
	p.stopStrays()
	p.removeOld()
	if !p.volumesReady() || !p.sandboxReady() {
		return
	}
	waiting := p.initialised()
	initialising := len(waiting) > 0
	for i := range p.pod.Spec.InitContainers {
		spec := &p.pod.Spec.InitContainers[i]
		if !initialising && !isSidecar(spec) {
			continue
		}
		r := p.of(spec, true)
		done := p.initDone(r)
		if done && !isSidecar(spec) {
			continue
		}
		p.ensure(r)
		if initialising && !done {
			return
		}
	}
	for i := range p.pod.Spec.Containers {
		p.ensure(p.of(&p.pod.Spec.Containers[i], false))
	}
}

// stopStrays ends what runs and should not: attempts that a newer one has replaced, containers of a sandbox that is
// gone, names that the Pod does not have. Sandboxes that nothing runs in are removed.
func (p *planner) stopStrays() {
	for _, c := range p.all {
		if isSandbox(c) || c.State != runtime.StateRunning {
			continue
		}
		name := c.Labels[runtime.LabelContainerName]
		newest := p.attempts[name][0].ID == c.ID
		if !newest || !p.inPlace(c) || containerByName(p.pod, name) == nil {
			p.stop(c, p.now.Add(gracePeriod(p.pod)), fmt.Sprintf("Stopping container %s", name))
		}
	}
	for i, s := range p.sandboxes {
		if i > 0 && !p.inUse(s) { // a dead one stays until its successor stands, to count attempts
			p.remove(s)
		}
	}
}

func (p *planner) inUse(sandbox runtime.Container) bool {
	for _, c := range p.all {
		if !isSandbox(c) && c.State == runtime.StateRunning && c.Labels[labelSandbox] == sandbox.ID {
			return true
		}
	}
	return false
}

// volumesReady also has tokens renewed, which containers do not wait for.
func (p *planner) volumesReady() bool {
	if len(p.pod.Spec.Volumes) == 0 {
		return true
	}
	if p.memory.VolumesReady {
		if renew := p.memory.RenewTokens; !renew.IsZero() && !p.wait(renew) {
			p.step(Step{Action: SetUpVolumes})
		}
		return true
	}
	if !p.wait(p.memory.Volumes.retryAt()) {
		p.step(Step{Action: SetUpVolumes})
	}
	return false
}

func (p *planner) sandboxReady() bool {
	if !needsSandbox(p.pod) {
		return true
	}
	s, exists := p.sandbox()
	if exists && s.State == runtime.StateRunning {
		return true
	}
	if p.wait(p.memory.Sandbox.retryAt()) {
		return false
	}
	if _, failed := p.startFailure(s); exists && s.State == runtime.StateCreated && !failed {
		p.step(Step{Action: Start, ID: s.ID, Attempt: attemptOf(s)})
		return false
	}
	attempt := 0
	if exists {
		attempt = attemptOf(s) + 1
	}
	p.step(Step{Action: CreateSandbox, Attempt: attempt})
	return false
}

// ensure takes one container a step further.
func (p *planner) ensure(r run) {
	if !r.exists && !r.lost {
		p.make(r, 0, 0)
		return
	}
	if r.exists && r.current.State == runtime.StateRunning {
		p.keep(r)
		return
	}
	exit, at, ended := p.ended(r)
	switch {
	case !ended && p.inPlace(r.current) && !changed(r):
		p.step(Step{Action: Start, Container: r.spec.Name, ID: r.current.ID, Attempt: attemptOf(r.current)})
	case !ended: // made for a sandbox that is gone: never ran, so nothing is lost
		p.remove(r.current)
	case changed(r):
		p.make(r, attemptOf(r.current)+1, 0)
	case r.init && exit == 0 && !isSidecar(r.spec): // ran in a sandbox that is gone
		p.make(r, attemptOf(r.current)+1, 0)
	case !restarts(r.policy, exit):
	case p.wait(at.Add(backoffOf(r.current))):
		if _, failed := p.startFailure(r.current); !failed || !p.wait(at.Add(startErrorShown)) {
			p.note(r, r.current.ID, r.current.ID, fmt.Sprintf("Back-off restarting failed container %s in pod %s", r.spec.Name, fullName(p.pod)))
		}
	default:
		p.make(r, attemptOf(r.current)+1, nextBackoff(r.current))
	}
}

// keep stops a running container that probes, its hook or a new image have given up.
func (p *planner) keep(r run) {
	probed := p.memory.Probes[r.current.ID]
	grace := gracePeriod(p.pod)
	var reason string
	switch hook := p.memory.Hooks[r.current.ID]; {
	case changed(r):
		reason = fmt.Sprintf("Container %s definition changed, will be restarted", r.spec.Name)
	case hook.Message != "":
		reason = "FailedPostStartHook"
	case probed.Failed != "":
		reason = fmt.Sprintf("Container %s failed %s probe, will be restarted", r.spec.Name, probed.Failed)
		if r.policy == corev1.RestartPolicyNever {
			reason = fmt.Sprintf("Container %s failed %s probe", r.spec.Name, probed.Failed)
		}
		if probed.Grace != nil {
			grace = time.Duration(*probed.Grace) * time.Second
		}
	default:
		return
	}
	p.stop(r.current, p.now.Add(grace), reason)
}

// make creates an attempt once its image is there.
func (p *planner) make(r run, attempt int, backoff time.Duration) {
	if p.wait(p.memory.Creations[r.spec.Name].retryAt()) {
		return
	}
	image := p.memory.Images[r.spec.Name]
	fits := image.Ref == r.spec.Image && image.Attempt == attempt
	switch {
	case fits && image.Phase == ImagePulling:
	case fits && image.Phase == ImageReady:
		p.step(Step{Action: Create, Container: r.spec.Name, Attempt: attempt, Backoff: backoff})
	case fits && image.Phase == ImageFailed && p.wait(image.retryAt()):
		if image.Failure.Reason == reasonErrImagePull && !p.wait(image.backingOffAt()) {
			p.note(r, "", fmt.Sprintf("%s after %d", image.Ref, image.Failure.Tries), fmt.Sprintf("Back-off pulling image %q", image.Ref))
		}
	default:
		p.step(Step{Action: GetImage, Container: r.spec.Name, Attempt: attempt})
	}
}

// note has an event written, once for each back-off.
func (p *planner) note(r run, id, about, reason string) {
	if p.memory.Noted[r.spec.Name] != about {
		p.step(Step{Action: NoteBackoff, Container: r.spec.Name, ID: id, Attempt: attemptOf(r.current), Note: about, Reason: reason})
	}
}
