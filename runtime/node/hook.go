package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/node/probe"
)

// postStart runs a container's hook; until it is done the container does not count as started.
func (n *Node) postStart(ctx context.Context, key Key, pod *corev1.Pod, c *corev1.Container, state *podState, id string) {
	hook := HookState{Done: true}
	if err := n.hook(ctx, key, c, c.Lifecycle.PostStart, id); err != nil {
		if ctx.Err() != nil {
			return
		}
		hook.Message = err.Error()
		n.event(pod, c.Name, corev1.EventTypeWarning, eventFailedPostStartHook, "PostStartHook failed: %v", err)
	}
	state.remember(func(m *Memory) { m.Hooks[id] = hook })
	n.queue.Add(key)
}

// preStop runs a container's hook before it is told to stop, within the grace period.
func (n *Node) preStop(ctx context.Context, key Key, pod *corev1.Pod, c *corev1.Container, step Step) {
	if step.Grace <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, step.Grace)
	defer cancel()
	if err := n.hook(ctx, key, c, c.Lifecycle.PreStop, step.ID); err != nil {
		n.event(pod, c.Name, corev1.EventTypeWarning, eventFailedPreStopHook, "PreStopHook failed: %v", err)
	}
}

func (n *Node) hook(ctx context.Context, key Key, c *corev1.Container, handler *corev1.LifecycleHandler, id string) error {
	switch {
	case handler.Exec != nil:
		var out limitedBuffer
		code, err := n.Engine.Exec(ctx, id, handler.Exec.Command, runtime.Streams{Stdout: &out, Stderr: &out})
		if err == nil && code != 0 {
			err = fmt.Errorf("command %q exited with %d: %s", strings.Join(handler.Exec.Command, " "), code, strings.TrimSpace(out.buffer.String()))
		}
		return err
	case handler.HTTPGet != nil:
		return probe.HTTPGet(ctx, n.probeDial, id, n.podIP(key), handler.HTTPGet, c.Ports)
	case handler.Sleep != nil:
		select {
		case <-n.Clock.After(time.Duration(handler.Sleep.Seconds) * time.Second):
		case <-ctx.Done():
		}
		return nil
	}
	return errors.New("this type of hook is not supported")
}

// podIP is the address that a Pod's containers hold; the machine's with the host's network.
func (n *Node) podIP(key Key) string {
	for _, c := range n.inventory.snapshot(key) {
		if ip := c.Labels[runtime.LabelIP]; ip != "" {
			return ip
		}
	}
	return n.InternalIP
}
