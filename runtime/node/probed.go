package node

import (
	"bytes"
	"context"
	"net"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/node/probe"
)

// probedPod names a Pod to the prober.
func probedPod(key Key) string { return indexOf(key) }

func probedKey(name string) Key {
	parts := strings.SplitN(name, "/", 3)
	return Key{Namespace: parts[0], Name: parts[1], UID: parts[2]}
}

// keepProbed has the probes run that the Pod's containers need now.
func (n *Node) keepProbed(key Key, pod *corev1.Pod, state *podState, seen []runtime.Container) {
	state.mu.Lock()
	v := newView(pod, seen, state.memory)
	var targets []probe.Target
	eachContainer(pod, func(c *corev1.Container, init bool) {
		if r := v.of(c, init); !isFinished(pod) && (!init || isSidecar(c)) {
			targets = append(targets, probesOf(v, r, n.InternalIP)...)
		}
	})
	state.mu.Unlock()
	n.prober.Keep(probedPod(key), targets)
}

// probesOf are the probes of one container: none unless it runs for good, the startup probe alone until it has succeeded,
// and only readiness while the Pod is being deleted.
func probesOf(v view, r run, hostIP string) []probe.Target {
	c := r.spec
	if c.StartupProbe == nil && c.ReadinessProbe == nil && c.LivenessProbe == nil {
		return nil
	}
	id := r.current.ID
	if _, stopping := v.memory.Stopping[id]; !r.exists || r.current.State != runtime.StateRunning || v.hookRunning(r) ||
		stopping && v.pod.DeletionTimestamp == nil {
		return nil
	}
	if _, known := v.memory.Probes[id]; !known {
		v.memory.Probes[id] = probedEarlier(v, r)
	}
	probed := v.memory.Probes[id]
	target := probe.Target{ID: id, Container: c.Name, Ports: c.Ports, Host: v.podIP(), Started: r.current.Started}
	if v.pod.Spec.HostNetwork {
		target.Host = hostIP
	}
	var targets []probe.Target
	add := func(kind probe.Kind, spec *corev1.Probe, holds bool) {
		if spec != nil {
			t := target
			t.Kind, t.Probe, t.Holds = kind, spec, holds
			targets = append(targets, t)
		}
	}
	if c.StartupProbe != nil && !probed.Started {
		if v.pod.DeletionTimestamp == nil {
			add(probe.Startup, c.StartupProbe, false)
		}
		return targets
	}
	add(probe.Readiness, c.ReadinessProbe, probed.Ready)
	if v.pod.DeletionTimestamp == nil {
		add(probe.Liveness, c.LivenessProbe, true)
	}
	return targets
}

// probedEarlier is what an earlier run of the agent told the API of the container, so that a restart of the agent takes no
// ready Pod out of service.
func probedEarlier(v view, r run) Probed {
	status, ok := v.reported(r.spec.Name, r.init)
	if !ok || status.ContainerID != containerID(r.current.ID) {
		return Probed{}
	}
	return Probed{Started: optional(status.Started), Ready: status.Ready}
}

// probed takes in the outcome of a probe.
func (n *Node) probed(result probe.Result) {
	key := probedKey(result.Pod)
	state := n.known(key)
	if state == nil {
		return
	}
	t := result.Target
	state.mu.Lock()
	pod := state.last
	if result.Turned {
		probed := state.memory.Probes[t.ID]
		switch {
		case t.Kind == probe.Readiness:
			probed.Ready = result.Passed
		case t.Kind == probe.Startup && result.Passed:
			probed.Started = true
		case !result.Passed:
			probed.Failed, probed.Grace = string(t.Kind), t.Probe.TerminationGracePeriodSeconds
		}
		state.memory.Probes[t.ID] = probed
	}
	state.mu.Unlock()
	if !result.Passed && pod != nil {
		n.event(pod, t.Container, corev1.EventTypeWarning, eventUnhealthy, "%s probe failed: %s", title(t.Kind), result.Message)
	}
	if result.Turned {
		n.queue.Add(key)
	}
}

func title(kind probe.Kind) string { return strings.ToUpper(string(kind[:1])) + string(kind[1:]) }

// probeExec runs a probe's command.
func (n *Node) probeExec(ctx context.Context, id string, command []string) (int, string, error) {
	var out limitedBuffer
	code, err := n.Engine.Exec(ctx, id, command, runtime.Streams{Stdout: &out, Stderr: &out})
	return code, strings.TrimSpace(out.buffer.String()), err
}

// limitedBuffer keeps the first 10 KiB written to it.
type limitedBuffer struct {
	mu     sync.Mutex // of stdout and stderr
	buffer bytes.Buffer
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if room := 10*1024 - b.buffer.Len(); room > 0 {
		b.buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// probeDial connects to a port of a Pod, or of the host that a probe names.
func (n *Node) probeDial(ctx context.Context, id, host string, port int) (net.Conn, error) {
	if n.Dial != nil {
		return n.Dial(ctx, id, host, port)
	}
	if n.engineInfo().Rootless { // whose network the machine does not see
		return n.Engine.Dial(ctx, id, port)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}
