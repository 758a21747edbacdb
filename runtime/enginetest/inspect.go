package enginetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coracle.dev/coracle/runtime"
)

var inspectTests = []test{
	{name: "info", run: info},
	{name: "inspect", run: inspect},
	{name: "inspect of what is not there", run: inspectMissing},
	{name: "list", run: list},
	{name: "stats", run: stats},
	{name: "out of memory", run: outOfMemory},
}

func info(t *testing.T, c contract) {
	info, err := c.Info(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for field, value := range map[string]string{"ID": info.ID, "Name": info.Name, "EngineName": info.EngineName, "EngineVersion": info.EngineVersion,
		"Architecture": info.Architecture, "OperatingSystem": info.OperatingSystem, "KernelVersion": info.KernelVersion} {
		if value == "" {
			t.Errorf("%s is empty", field)
		}
	}
	if info.OS != "linux" || info.CPUs < 1 || info.MemoryBytes < 1<<20 {
		t.Errorf("OS %q, %d CPUs, %d bytes of memory", info.OS, info.CPUs, info.MemoryBytes)
	}
	again, err := c.Info(within(t))
	if err != nil || again.ID != info.ID {
		t.Errorf("id %q, then %q (%v): want a stable one", info.ID, again.ID, err)
	}
}

func inspect(t *testing.T, c contract) {
	image, err := c.InspectImage(within(t), c.Image)
	if err != nil {
		t.Fatal(err)
	}
	spec := runtime.ContainerSpec{
		Name:    c.name(),
		Labels:  map[string]string{runtime.LabelPodName: "web-0", runtime.LabelManaged: "another"},
		TTY:     true,
		Network: runtime.NetworkAttachment{Name: c.Network.Name, IP: c.address()},
	}
	id := c.upOnTerminal(t, spec)
	got := c.inspect(t, id)
	if got.Pid == 0 || got.Started.IsZero() || got.Created.IsZero() {
		t.Errorf("pid %d, created %v, started %v: want all set", got.Pid, got.Created, got.Started)
	}
	got.Pid, got.Created, got.Started = 0, time.Time{}, time.Time{}
	want := runtime.Container{
		ID:          id,
		Name:        spec.Name,
		Image:       c.Image,
		ImageID:     image.ID,
		Labels:      map[string]string{runtime.LabelPodName: "web-0", runtime.LabelManaged: c.NodeName},
		State:       runtime.StateRunning,
		IP:          spec.Network.IP,
		TTY:         true,
		RepoDigests: image.RepoDigests,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("by id (-want +got):\n%s", diff)
	}
	if byName := c.inspect(t, spec.Name); byName.ID != id {
		t.Errorf("by name: got %s, want %s", byName.ID, id)
	}
}

// upOnTerminal is up for a terminal, which ends lines otherwise.
func (c contract) upOnTerminal(t testing.TB, spec runtime.ContainerSpec) string {
	t.Helper()
	id := c.start(t, spec)
	c.printed(t, id, "up")
	return id
}

func inspectMissing(t *testing.T, c contract) {
	if _, err := c.InspectContainer(within(t), c.name()); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func list(t *testing.T, c contract) {
	specs := map[string]runtime.State{}
	created := runtime.ContainerSpec{Name: c.name(), Labels: map[string]string{"a": "b"}}
	running, ended := c.name(), c.name()
	c.create(t, created)
	c.up(t, runtime.ContainerSpec{Name: running})
	c.exited(t, c.start(t, runtime.ContainerSpec{Name: ended, Args: []string{"exit", "1"}}))
	specs[created.Name], specs[running], specs[ended] = runtime.StateCreated, runtime.StateRunning, runtime.StateExited

	all, err := c.ListContainers(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range all {
		state, ours := specs[got.Name]
		if !ours {
			continue
		}
		delete(specs, got.Name)
		full := c.inspect(t, got.ID)
		if got.State != state || got.Image != c.Image || got.ImageID != full.ImageID || got.Labels[runtime.LabelManaged] != c.NodeName {
			t.Errorf("%s: got %+v, want state %s", got.Name, got, state)
		}
		if got.Created.Unix() != full.Created.Unix() {
			t.Errorf("%s: created at %v, but %v in full", got.Name, got.Created, full.Created)
		}
		if got.Name == created.Name && got.Labels["a"] != "b" {
			t.Errorf("labels %v, want a=b among them", got.Labels)
		}
	}
	if len(specs) > 0 {
		t.Errorf("not listed: %v", specs)
	}
}

func stats(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{})
	stats, err := c.Stats(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Time.IsZero() || stats.CPUNanos == 0 || stats.MemoryBytes == 0 || stats.MemoryRSS == 0 || stats.Pids == 0 {
		t.Errorf("got %+v, want usage of CPU, memory and pids", stats)
	}
	for _, idle := range []string{c.create(t, runtime.ContainerSpec{}), c.run(t, "exit", "0")} {
		if _, err := c.Stats(within(t), idle); !errors.Is(err, runtime.ErrConflict) {
			t.Errorf("of a container that does not run: got %v, want ErrConflict", err)
		}
	}
	if _, err := c.Stats(within(t), c.name()); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("of none: got %v, want ErrNotFound", err)
	}
}

func outOfMemory(t *testing.T, c contract) {
	id := c.start(t, runtime.ContainerSpec{Args: []string{"eat", "200"}, Resources: runtime.Resources{MemoryLimitBytes: 32 << 20}})
	found := c.exited(t, id)
	if !found.OOMKilled || found.ExitCode != 137 {
		t.Errorf("OOM killed %t with code %d, want true with 137", found.OOMKilled, found.ExitCode)
	}
}
