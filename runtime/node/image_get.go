package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// pullPolicy is the container's, or what BEHAVIOUR of the API's defaults gives: Always for :latest or no tag, else IfNotPresent.
func pullPolicy(c *corev1.Container) corev1.PullPolicy {
	if c.ImagePullPolicy != "" {
		return c.ImagePullPolicy
	}
	named, err := reference.ParseNormalizedNamed(c.Image)
	if err != nil {
		return corev1.PullIfNotPresent
	}
	if _, digested := named.(reference.Digested); digested {
		return corev1.PullIfNotPresent
	}
	if tagged, ok := reference.TagNameOnly(named).(reference.Tagged); ok && tagged.Tag() == "latest" {
		return corev1.PullAlways
	}
	return corev1.PullIfNotPresent
}

// getImage finds a container's image on the engine, or begins to pull it beside the worker.
func (n *Node) getImage(ctx context.Context, key Key, pod *corev1.Pod, state *podState, step Step) error {
	c := containerByName(pod, step.Container)
	if _, err := reference.ParseNormalizedNamed(c.Image); err != nil {
		n.event(pod, c.Name, corev1.EventTypeWarning, eventInspectFailed, "Failed to apply default image tag %q: couldn't parse image name %q: %v", c.Image, c.Image, err)
		n.imageFailed(pod, c, state, step, "InvalidImageName",
			fmt.Sprintf("Failed to apply default image tag %q: couldn't parse image name %q: %v", c.Image, c.Image, err))
		return nil
	}
	policy := pullPolicy(c)
	image, err := n.Engine.InspectImage(ctx, c.Image)
	if err != nil && !errors.Is(err, runtime.ErrImageNotFound) {
		return err
	}
	switch {
	case err == nil && policy != corev1.PullAlways:
		n.images.used(c.Image)
		n.event(pod, c.Name, corev1.EventTypeNormal, eventPulled, "Container image %q already present on machine", c.Image)
		state.setImage(c, step, ImageReady, image.User)
	case policy == corev1.PullNever:
		message := fmt.Sprintf("Container image %q is not present with pull policy of Never", c.Image)
		n.event(pod, c.Name, corev1.EventTypeWarning, eventNeverPull, "%s", message)
		n.imageFailed(pod, c, state, step, eventNeverPull, message)
	default:
		state.setImage(c, step, ImagePulling, "")
		n.beside(func() { n.pull(ctx, key, pod, c, state, step) })
	}
	return nil
}

func (n *Node) pull(ctx context.Context, key Key, pod *corev1.Pod, c *corev1.Container, state *podState, step Step) {
	n.event(pod, c.Name, corev1.EventTypeNormal, eventPulling, "Pulling image %q", c.Image)
	begun := n.Clock.Now()
	took, err := n.images.get(ctx, c.Image, n.pullAuth(ctx, pod, c.Image))
	if ctx.Err() != nil {
		return
	}
	defer n.queue.Add(key)
	if err != nil {
		n.event(pod, c.Name, corev1.EventTypeWarning, eventFailed, "Failed to pull image %q: %v", c.Image, err)
		n.imageFailed(pod, c, state, step, reasonErrImagePull, err.Error())
		return
	}
	image, err := n.Engine.InspectImage(ctx, c.Image)
	if err != nil {
		n.imageFailed(pod, c, state, step, reasonErrImagePull, err.Error())
		return
	}
	n.event(pod, c.Name, corev1.EventTypeNormal, eventPulled, "Successfully pulled image %q in %s (%s including waiting). Image size: %d bytes.",
		c.Image, took.Truncate(time.Millisecond), n.Clock.Since(begun).Truncate(time.Millisecond), image.SizeBytes)
	state.setImage(c, step, ImageReady, image.User)
}

func (n *Node) imageFailed(pod *corev1.Pod, c *corev1.Container, state *podState, step Step, reason, message string) {
	state.remember(func(m *Memory) {
		image := m.Images[c.Name]
		failure := image.Failure
		if image.Ref != c.Image {
			failure = Failure{}
		}
		m.Images[c.Name] = ImageState{
			Ref: c.Image, Attempt: step.Attempt, Phase: ImageFailed, Failure: failure.again(reason, message, n.Clock.Now()),
		}
	})
	n.event(pod, c.Name, corev1.EventTypeWarning, eventFailed, "Error: %s", reason)
}

func (s *podState) image(container string) ImageState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.memory.Images[container]
}

// setImage notes how far the image for a step is. A pull that begins again keeps the failures before it, for the back-off.
func (s *podState) setImage(c *corev1.Container, step Step, phase ImagePhase, user string) {
	s.remember(func(m *Memory) {
		image := ImageState{Ref: c.Image, Attempt: step.Attempt, Phase: phase, User: user}
		if before := m.Images[c.Name]; phase == ImagePulling && before.Ref == c.Image {
			image.Failure = before.Failure
		}
		m.Images[c.Name] = image
	})
}
