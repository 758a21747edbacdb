package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"

	"coracle.dev/coracle/runtime"
)

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
			err := call(ctx)
			if idempotent := name == "stop" || name == "remove"; idempotent && err != nil || !idempotent && !errors.Is(err, runtime.ErrNotFound) {
				t.Errorf("%s: got %v, want it as if there were none", name, err)
			}
		}
		after, err := e.client.ContainerInspect(ctx, id)
		if err != nil || after.State.Pid != before.State.Pid || !after.State.Running {
			t.Errorf("it was touched: %v", err)
		}
		if _, err := e.CreateContainer(ctx, runtime.ContainerSpec{Name: strings.TrimPrefix(before.Name, "/"), Image: appImage}); !errors.Is(err, runtime.ErrConflict) {
			t.Errorf("create with its name: got %v, want ErrConflict", err)
		}
	}
	all, err := e.ListContainers(ctx)
	if err != nil || len(all) != 0 {
		t.Errorf("listed %v (%v), want nothing", all, err)
	}
	if err := e.RemoveImage(ctx, appImage); !errors.Is(err, runtime.ErrConflict) {
		t.Errorf("remove the image of a foreign container: got %v, want ErrConflict", err)
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
