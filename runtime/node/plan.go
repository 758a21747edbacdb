package node

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// Plan says what to do next for a Pod whose containers on the engine are seen, in full (as InspectContainer gives them).
// When all is as the Pod wants it, nothing is to be done. The arguments are not changed.
func Plan(pod *corev1.Pod, seen []runtime.Container, memory *Memory, now time.Time) Steps {
	p := &planner{view: newView(pod, seen, memory), now: now}
	_, _, doomed := p.doomed(now)
	switch _, over := p.over(); {
	case pod.DeletionTimestamp != nil:
		p.terminate()
	case isFinished(pod) || over || doomed:
		p.windDown(p.now.Add(gracePeriod(pod)), "Stopping container %s")
	default:
		if deadline, ok := activeDeadline(pod); ok {
			p.wait(deadline)
		}
		p.run()
	}
	return Steps{Do: p.do, Wake: p.wake}
}

type planner struct {
	view
	now  time.Time
	do   []Step
	wake time.Time
}

func (p *planner) step(s Step) { p.do = append(p.do, s) }

// wait asks for another plan at that time, unless it has passed; it says whether there is still to wait.
func (p *planner) wait(until time.Time) bool {
	if !until.After(p.now) {
		return false
	}
	if p.wake.IsZero() || until.Before(p.wake) {
		p.wake = until
	}
	return true
}

// gracePeriod is how long the Pod's containers have to end.
func gracePeriod(pod *corev1.Pod) time.Duration {
	if seconds := pod.Spec.TerminationGracePeriodSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return 30 * time.Second
}

func activeDeadline(pod *corev1.Pod) (time.Time, bool) {
	if pod.Spec.ActiveDeadlineSeconds == nil || pod.Status.StartTime == nil {
		return time.Time{}, false
	}
	return pod.Status.StartTime.Add(time.Duration(*pod.Spec.ActiveDeadlineSeconds) * time.Second), true
}

// terminate ends and removes all, then lets the Pod go.
func (p *planner) terminate() {
	deadline := p.pod.DeletionTimestamp.Add(time.Second) // which the API cut off
	if p.stopAll(deadline, "Stopping container %s") {
		return
	}
	if len(p.all) == 0 {
		p.step(Step{Action: Forget})
		return
	}
	for _, c := range p.all {
		p.remove(c)
	}
}

// windDown ends all that runs and keeps the newest attempt of each container, for its log.
func (p *planner) windDown(deadline time.Time, reason string) {
	if p.stopAll(deadline, reason) {
		return
	}
	for _, c := range p.all {
		if _, failed := p.startFailure(c); isSandbox(c) || c.State == runtime.StateCreated && !failed {
			p.remove(c)
		}
	}
	p.readMessages()
	p.removeOld()
}

// stopAll stops what runs: sidecars after all others, the last one first. It says whether anything still runs.
func (p *planner) stopAll(deadline time.Time, reason string) bool {
	running := map[string][]runtime.Container{}
	var mains, sidecars []runtime.Container
	for _, c := range p.all {
		if !isSandbox(c) && c.State == runtime.StateRunning {
			name := c.Labels[runtime.LabelContainerName]
			running[name] = append(running[name], c)
		}
	}
	for name, cs := range running {
		if spec := containerByName(p.pod, name); spec == nil || !isSidecar(spec) {
			mains = append(mains, cs...)
		}
	}
	for i := range p.pod.Spec.InitContainers {
		if spec := &p.pod.Spec.InitContainers[i]; isSidecar(spec) && len(running[spec.Name]) > 0 {
			sidecars = running[spec.Name]
		}
	}
	if len(mains) == 0 {
		mains = sidecars
	}
	for _, c := range p.all { // in its order
		for _, m := range mains {
			if c.ID == m.ID {
				p.stop(c, deadline, fmt.Sprintf(reason, c.Labels[runtime.LabelContainerName]))
			}
		}
	}
	return len(mains) > 0
}

// stop ends a container, or shortens the grace of a stop that goes on already.
func (p *planner) stop(c runtime.Container, deadline time.Time, reason string) {
	if deadline.Before(p.now) {
		deadline = p.now
	}
	if planned, ok := p.memory.Stopping[c.ID]; ok && !deadline.Before(planned) {
		return
	}
	p.step(Step{
		Action: Stop, Container: c.Labels[runtime.LabelContainerName], ID: c.ID, Attempt: attemptOf(c),
		Deadline: deadline, Grace: deadline.Sub(p.now), Reason: reason,
	})
}

func (p *planner) remove(c runtime.Container) {
	name := c.Labels[runtime.LabelContainerName]
	if isSandbox(c) {
		name = ""
	}
	p.step(Step{Action: Remove, Container: name, ID: c.ID, Attempt: attemptOf(c)})
}

// readMessages fetches the words of the dead, once.
func (p *planner) readMessages() {
	eachContainer(p.pod, func(spec *corev1.Container, init bool) {
		r := p.of(spec, init)
		if _, failed := p.startFailure(r.current); !r.exists || failed || r.current.State != runtime.StateExited {
			return
		}
		if _, known := p.memory.Messages[r.current.ID]; !known {
			p.step(Step{Action: ReadMessage, Container: spec.Name, ID: r.current.ID, Attempt: attemptOf(r.current)})
		}
	})
}

// removeOld removes all but the newest attempt of each container and the newest dead one before it.
func (p *planner) removeOld() {
	for _, c := range p.all {
		if isSandbox(c) {
			continue
		}
		attempts := p.attempts[c.Labels[runtime.LabelContainerName]]
		if c.ID == attempts[0].ID || len(attempts) > 1 && c.ID == attempts[1].ID || c.State == runtime.StateRunning {
			continue
		}
		p.remove(c)
	}
}
