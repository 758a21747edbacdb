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
