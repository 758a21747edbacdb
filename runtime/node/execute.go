package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// execute does one step. What the Pod or its image did wrong goes to the Pod's memory, for the next plan; an error
// means that the engine failed, and the turn ends.
func (n *Node) execute(ctx context.Context, key Key, pod *corev1.Pod, state *podState, step Step) error {
	switch step.Action {
	case SetUpVolumes:
		n.setUpVolumes(ctx, key, pod, state)
		return nil
	case GetImage:
		return n.getImage(ctx, key, pod, state, step)
	case CreateSandbox:
		return n.createSandbox(ctx, key, pod, state, step)
	case Create:
		return n.create(ctx, key, pod, state, step)
	case Start:
		return n.start(ctx, key, pod, state, step)
	case Stop:
		n.stop(ctx, key, pod, state, step)
		return nil
	case NoteBackoff:
		state.remember(func(m *Memory) { m.Noted[step.Container] = step.Note })
		n.noteBackoff(pod, step)
		return nil
	case ReadMessage:
		return n.readMessage(ctx, key, pod, state, step)
	case Remove:
		return n.remove(ctx, key, step)
	}
	return fmt.Errorf("no such action: %s", step.Action)
}

// noteBackoff writes the events of a back-off: of a restart where there is a container, else of a pull.
func (n *Node) noteBackoff(pod *corev1.Pod, step Step) {
	if step.ID != "" {
		n.event(pod, step.Container, corev1.EventTypeWarning, eventBackOff, "%s", step.Reason)
		return
	}
	n.event(pod, step.Container, corev1.EventTypeNormal, eventBackOff, "%s", step.Reason)
	n.event(pod, step.Container, corev1.EventTypeWarning, eventFailed, "Error: ImagePullBackOff")
}

// remember changes the Pod's memory.
func (s *podState) remember(change func(m *Memory)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.memory)
}

func (n *Node) createSandbox(ctx context.Context, key Key, pod *corev1.Pod, state *podState, step Step) error {
	spec, err := n.sandboxSpec(key, pod, step.Attempt)
	if err == nil {
		err = n.createContainer(ctx, key, spec)
	}
	if unavailable(err) || errors.Is(err, runtime.ErrConflict) {
		return err
	}
	if err != nil {
		n.sandboxFailed(pod, state, err)
	}
	return nil
}

func (n *Node) sandboxFailed(pod *corev1.Pod, state *podState, err error) {
	state.remember(func(m *Memory) {
		m.Sandbox = m.Sandbox.again(eventFailedSandbox, err.Error(), n.Clock.Now())
	})
	n.event(pod, "", corev1.EventTypeWarning, eventFailedSandbox, "Failed to create pod sandbox: %v", err)
}

// create makes a container. What is wrong with the Pod's configuration is found here.
func (n *Node) create(ctx context.Context, key Key, pod *corev1.Pod, state *podState, step Step) error {
	c := containerByName(pod, step.Container)
	spec, err := n.containerSpec(ctx, key, pod, c, state, step)
	if err != nil {
		return n.creationFailed(pod, state, step, "CreateContainerConfigError", err)
	}
	err = n.createContainer(ctx, key, spec)
	switch {
	case err == nil:
		state.remember(func(m *Memory) { delete(m.Creations, step.Container) })
		n.event(pod, step.Container, corev1.EventTypeNormal, eventCreated, "Created container: %s", step.Container)
		return nil
	case errors.Is(err, runtime.ErrConflict):
		return err
	case errors.Is(err, runtime.ErrImageNotFound): // removed since it was found
		state.remember(func(m *Memory) { delete(m.Images, step.Container) })
	}
	return n.creationFailed(pod, state, step, "CreateContainerError", err)
}

func (n *Node) creationFailed(pod *corev1.Pod, state *podState, step Step, reason string, err error) error {
	if unavailable(err) {
		return err
	}
	state.remember(func(m *Memory) {
		m.Creations[step.Container] = m.Creations[step.Container].again(reason, err.Error(), n.Clock.Now())
	})
	n.event(pod, step.Container, corev1.EventTypeWarning, eventFailed, "Error: %v", err)
	return nil
}

// createContainer makes a container and takes it into the inventory. A name that is taken is most likely of a call whose answer
// was lost: what has it is listed, so that the next plan finds it.
func (n *Node) createContainer(ctx context.Context, key Key, spec runtime.ContainerSpec) error {
	id, err := n.Engine.CreateContainer(ctx, spec)
	if errors.Is(err, runtime.ErrConflict) {
		if relistErr := n.relist(ctx); relistErr != nil {
			return relistErr
		}
		return err
	}
	if err != nil {
		return err
	}
	_, _, err = n.inventory.inspect(ctx, key, id)
	return err
}

// start starts what was made.
func (n *Node) start(ctx context.Context, key Key, pod *corev1.Pod, state *podState, step Step) error {
	c := containerByName(pod, step.Container)
	if c != nil && c.Lifecycle != nil && c.Lifecycle.PostStart != nil {
		state.remember(func(m *Memory) { m.Hooks[step.ID] = HookState{} })
	}
	err := n.Engine.StartContainer(ctx, step.ID)
	switch {
	case unavailable(err):
		return err
	case errors.Is(err, runtime.ErrNotFound):
		n.inventory.removed(key, step.ID)
		return nil
	}
	if _, _, inspectErr := n.inventory.inspect(ctx, key, step.ID); inspectErr != nil {
		return inspectErr
	}
	switch {
	case err != nil && step.Container == "":
		state.remember(func(m *Memory) { m.Starts[step.ID] = Failure{Message: err.Error(), At: n.Clock.Now(), Tries: 1} })
		n.sandboxFailed(pod, state, err)
	case err != nil:
		state.remember(func(m *Memory) {
			delete(m.Hooks, step.ID)
			m.Starts[step.ID] = Failure{Message: err.Error(), At: n.Clock.Now(), Tries: 1}
		})
		n.event(pod, step.Container, corev1.EventTypeWarning, eventFailed, "Error: %v", err)
	case step.Container == "":
		state.remember(func(m *Memory) { m.Sandbox = Failure{} })
	default:
		n.event(pod, step.Container, corev1.EventTypeNormal, eventStarted, "Started container %s", step.Container)
		if c != nil && c.Lifecycle != nil && c.Lifecycle.PostStart != nil {
			n.beside(func() { n.postStart(ctx, key, pod, c, state, step.ID) })
		}
	}
	return nil
}

func (n *Node) remove(ctx context.Context, key Key, step Step) error {
	if err := n.Engine.RemoveContainer(ctx, step.ID); err != nil {
		return err
	}
	n.inventory.removed(key, step.ID)
	return n.removeMessage(key, step)
}

// stop ends a container beside the worker, so that a later step can shorten its grace.
func (n *Node) stop(ctx context.Context, key Key, pod *corev1.Pod, state *podState, step Step) {
	state.mu.Lock()
	_, again := state.memory.Stopping[step.ID]
	state.memory.Stopping[step.ID] = step.Deadline
	state.mu.Unlock()
	switch {
	case step.Reason == eventFailedPostStartHook: // its event is written where it failed
	case !again:
		n.event(pod, step.Container, corev1.EventTypeNormal, eventKilling, "%s", step.Reason)
	}
	c := containerByName(pod, step.Container)
	n.beside(func() {
		if c != nil && c.Lifecycle != nil && c.Lifecycle.PreStop != nil && !again {
			n.preStop(ctx, key, pod, c, step)
		}
		grace := max(step.Deadline.Sub(n.Clock.Now()), 0)
		if step.Grace > 0 {
			grace = max(grace, minimumGrace)
		}
		err := n.Engine.StopContainer(ctx, step.ID, grace)
		if ctx.Err() != nil {
			return
		}
		state.remember(func(m *Memory) {
			if m.Stopping[step.ID].Equal(step.Deadline) {
				delete(m.Stopping, step.ID)
			}
		})
		n.inventory.doubtAgain(key, step.ID)
		if err != nil {
			n.Logger.Warn().Err(n.engineFailed(err)).Str("node", n.Name).Stringer("pod", key).Str("container", step.Container).Msg("stop container")
			n.queue.AddRateLimited(key)
			return
		}
		n.queue.Add(key)
	})
}

// minimumGrace is left for a container to end after its preStop hook has used up the rest.
const minimumGrace = 2 * time.Second

func unavailable(err error) bool {
	return errors.Is(err, runtime.ErrUnavailable) || errors.Is(err, context.Canceled)
}
