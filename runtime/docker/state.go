package docker

import (
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"coracle.dev/coracle/runtime"
)

// listed is a container as a listing shows it.
func listed(s container.Summary) runtime.Container {
	name := ""
	if len(s.Names) > 0 {
		name = strings.TrimPrefix(s.Names[0], "/")
	}
	return runtime.Container{
		ID:      s.ID,
		Name:    name,
		Image:   s.Image,
		ImageID: s.ImageID,
		Labels:  s.Labels,
		State:   state(s.State),
		Created: time.Unix(s.Created, 0),
	}
}

// inspected is a container in full, but for the digests of its image.
func inspected(r container.InspectResponse) runtime.Container {
	c := runtime.Container{
		ID:       r.ID,
		Name:     strings.TrimPrefix(r.Name, "/"),
		Image:    r.Config.Image,
		ImageID:  r.Image,
		Labels:   r.Config.Labels,
		Created:  when(r.Created),
		TTY:      r.Config.Tty,
		State:    state(r.State.Status),
		Started:  when(r.State.StartedAt),
		Finished: when(r.State.FinishedAt),
		ExitCode: r.State.ExitCode,
		// The engine's words when a start failed; a later start clears them.
		Error:     r.State.Error,
		OOMKilled: r.State.OOMKilled,
		Pid:       r.State.Pid,
	}
	switch {
	case c.State == runtime.StateRunning: // the end of the run before no longer counts
		c.Finished = time.Time{}
	case c.Finished.Before(c.Started): // the process ended before the engine noted that it had begun
		c.Finished = c.Started
	}
	if r.HostConfig.NetworkMode.IsContainer() || r.NetworkSettings == nil {
		return c
	}
	for _, endpoint := range r.NetworkSettings.Networks {
		if endpoint == nil {
			continue
		}
		c.IP = endpoint.IPAddress
		if c.IP == "" && endpoint.IPAMConfig != nil { // not running: the address that it was given
			c.IP = endpoint.IPAMConfig.IPv4Address
		}
	}
	return c
}

// state maps the engine's seven states to our three. A container that is being removed, or is dead (its removal failed),
// has exited.
func state(s container.ContainerState) runtime.State {
	switch s {
	case container.StateCreated:
		return runtime.StateCreated
	case container.StateRunning, container.StatePaused, container.StateRestarting:
		return runtime.StateRunning
	}
	return runtime.StateExited
}

// when parses a time of the engine, which writes the year 1 for never.
func when(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}
