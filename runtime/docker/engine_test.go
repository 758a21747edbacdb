package docker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/rs/zerolog"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/enginetest"
)

// prefix begins the names of all that these tests make. Another run at the same time has another.
var prefix = fmt.Sprintf("coracle-enginetest-%d", os.Getpid())

// newEngine is an engine for the Docker Engine of this machine, as a node of the test's own.
func newEngine(t testing.TB) *Engine {
	t.Helper()
	e, err := New(Options{NodeName: prefix + "-" + strings.ReplaceAll(t.Name(), "/", "-"), Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := e.Info(ctx); err != nil {
		t.Skipf("no Docker Engine: %v", err)
	}
	t.Cleanup(func() { // runs after what the test itself cleans up
		all, err := e.ListContainers(context.Background())
		if err != nil {
			t.Error(err)
		}
		for _, c := range all {
			if err := e.RemoveContainer(context.Background(), c.ID); err != nil {
				t.Error(err)
			}
		}
	})
	return e
}

// loadApp puts the image of package app on the engine, once for all tests of a run; TestMain removes it.
var appImage = prefix + "-app:1"

var loadOnce sync.Once

func loadApp(t testing.TB, e *Engine) {
	t.Helper()
	loadOnce.Do(func() {
		response, err := e.client.ImageLoad(context.Background(), bytes.NewReader(enginetest.Archive(t, appImage)))
		if err == nil {
			err = loaded(response)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestMain(m *testing.M) {
	code := m.Run()
	if e, err := New(Options{NodeName: prefix}); err == nil {
		_ = e.RemoveImage(context.Background(), appImage)
		_ = e.Close()
	}
	os.Exit(code)
}

// newNetwork makes a network and removes it after the test.
func newNetwork(t testing.TB, e *Engine, third int) runtime.Network {
	t.Helper()
	n := runtime.Network{Name: fmt.Sprintf("%s-%d", prefix, third), Subnet: fmt.Sprintf("10.200.%d.0/24", third)}
	if err := e.EnsureNetwork(context.Background(), n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.client.NetworkRemove(context.Background(), n.Name); err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestContract(t *testing.T) {
	e := newEngine(t)
	loadApp(t, e)
	auth := &runtime.RegistryAuth{Username: "user", Password: "secret"}
	open, private := enginetest.NewRegistry(t, nil), enginetest.NewRegistry(t, auth)
	enginetest.Run(t, func(*testing.T) runtime.Engine { return e }, enginetest.Options{
		Prefix:    prefix,
		NodeName:  e.options.NodeName,
		Image:     appImage,
		Network:   newNetwork(t, e, 17),
		Processes: true,
		Pulls: enginetest.Pulls{
			Good:    open + "/good:1",
			Missing: open + "/good:2",
			Broken:  open + "/broken:1",
			Private: private + "/private:1",
			Auth:    auth,
		},
		Resources: func(t testing.TB, id string) runtime.Resources { return cgroup(t, e, id) },
	})
}

// cgroup is what the engine says of the container's control group.
func cgroup(t testing.TB, e *Engine, id string) runtime.Resources {
	t.Helper()
	found, err := e.inspect(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	h := found.HostConfig
	if h.CPUPeriod != 100_000 || h.MemorySwap != h.Memory {
		t.Errorf("period %d µs, memory and swap %d: want 100 ms, and no swap", h.CPUPeriod, h.MemorySwap)
	}
	return runtime.Resources{
		CPUShares: h.CPUShares, CPUQuotaMicros: h.CPUQuota, MemoryLimitBytes: h.Memory, MemoryReservation: h.MemoryReservation,
		PidsLimit: *h.PidsLimit, OOMScoreAdj: h.OomScoreAdj,
	}
}

// What others run on the same engine must stay as it is, whatever is asked of it.
func TestForeignIsUntouched(t *testing.T) {
	e := newEngine(t)
	loadApp(t, e)
	ctx := t.Context()
	foreign := foreignContainer(t, e, nil)
	neighbour := foreignContainer(t, e, map[string]string{runtime.LabelManaged: "another-node"})
	for _, id := range []string{foreign, neighbour} {
		before, err := e.client.ContainerInspect(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		for name, call := range callsOf(e, id) {
			if err := call(ctx); (name == "stop" || name == "remove") != (err == nil) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		after, err := e.client.ContainerInspect(ctx, id)
		if err != nil || after.State.Pid != before.State.Pid || !after.State.Running {
			t.Errorf("it was touched: %v", err)
		}
		if _, err := e.CreateContainer(ctx, runtime.ContainerSpec{Name: strings.TrimPrefix(before.Name, "/"), Image: appImage}); classify(err) == nil && err == nil {
			t.Error("its name was given to another")
		}
	}
	all, err := e.ListContainers(ctx)
	if err != nil || len(all) != 0 {
		t.Errorf("listed %v (%v), want nothing", all, err)
	}
	if err := e.RemoveImage(ctx, appImage); err == nil {
		t.Error("the image of a foreign container was removed")
	}
}

func callsOf(e *Engine, id string) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"start":   func(ctx context.Context) error { return e.StartContainer(ctx, id) },
		"stop":    func(ctx context.Context) error { return e.StopContainer(ctx, id, 0) },
		"remove":  func(ctx context.Context) error { return e.RemoveContainer(ctx, id) },
		"inspect": func(ctx context.Context) error { _, err := e.InspectContainer(ctx, id); return err },
		"logs":    func(ctx context.Context) error { return e.Logs(ctx, id, runtime.LogOptions{}, nil, nil) },
		"exec": func(ctx context.Context) error {
			_, err := e.Exec(ctx, id, []string{"/app", "exit", "0"}, runtime.Streams{})
			return err
		},
		"attach": func(ctx context.Context) error { return e.Attach(ctx, id, runtime.Streams{}) },
		"dial":   func(ctx context.Context) error { _, err := e.Dial(ctx, id, 80); return err },
		"stats":  func(ctx context.Context) error { _, err := e.Stats(ctx, id); return err },
	}
}

// foreignContainer runs one that this node did not make.
func foreignContainer(t testing.TB, e *Engine, labels map[string]string) string {
	t.Helper()
	ctx := context.Background()
	created, err := e.client.ContainerCreate(ctx, &container.Config{Image: appImage, Labels: labels},
		&container.HostConfig{NetworkMode: "none"}, nil, nil, fmt.Sprintf("%s-foreign-%d", prefix, len(labels)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.client.ContainerRemove(ctx, created.ID, container.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	if err := e.client.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	return created.ID
}

// A network of others with the same name and subnet is used as it is; one with another subnet is an error.
func TestForeignNetworkIsUntouched(t *testing.T) {
	e := newEngine(t)
	ctx := t.Context()
	name := prefix + "-foreign"
	_, err := e.client.NetworkCreate(ctx, name, network.CreateOptions{IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: "10.200.18.0/24"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.client.NetworkRemove(context.Background(), name) })
	before, err := e.network(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.EnsureNetwork(ctx, runtime.Network{Name: name, Subnet: "10.200.18.0/24"}); err != nil {
		t.Errorf("same subnet: %v", err)
	}
	if err := e.EnsureNetwork(ctx, runtime.Network{Name: name, Subnet: "10.200.19.0/24"}); err == nil || !strings.Contains(err.Error(), "10.200.18.0/24") {
		t.Errorf("another subnet: got %v", err)
	}
	if after, err := e.network(ctx, name); err != nil || after.ID != before.ID {
		t.Errorf("it was touched: %v", err)
	}
}

// Somebody who removes the sandbox image, or takes its name away, does not stop Pods from starting.
func TestSandboxImageComesBack(t *testing.T) {
	e := newEngine(t)
	ctx := t.Context()
	for range 2 {
		id, err := e.CreateContainer(ctx, runtime.ContainerSpec{Name: prefix + "-sandbox", Image: runtime.SandboxImage})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.StartContainer(ctx, id); err != nil {
			t.Fatal(err)
		}
		if err := e.RemoveContainer(ctx, id); err != nil {
			t.Fatal(err)
		}
		// Other tests may hold the image: then only its name goes, which is missing as much.
		_, err = e.client.ImageRemove(ctx, runtime.SandboxImage, image.RemoveOptions{Force: true})
		if err != nil {
			t.Fatal(err)
		}
	}
}
