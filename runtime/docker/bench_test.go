package docker

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"coracle.dev/coracle/runtime"
)

// BenchmarkRawStarts is what the engine itself can do: containers created and started over its API, four at a time, on a
// bridge with fixed addresses, without anything of ours. What coracle adds is measured against it.
func BenchmarkRawStarts(b *testing.B) {
	e := newEngine(b)
	loadApp(b, e)
	n := newNetwork(b, e, 20)
	benchmark(b, func(ctx context.Context, i int) (string, error) {
		endpoints := map[string]*network.EndpointSettings{n.Name: {IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: address(i)}}}
		created, err := e.client.ContainerCreate(ctx, &container.Config{Image: appImage, Labels: labels(nil, e.options.NodeName)},
			&container.HostConfig{NetworkMode: container.NetworkMode(n.Name)}, &network.NetworkingConfig{EndpointsConfig: endpoints}, nil, "")
		if err != nil {
			return "", err
		}
		return created.ID, e.client.ContainerStart(ctx, created.ID, container.StartOptions{})
	}, e)
}

// BenchmarkStarts is the same through the Engine.
func BenchmarkStarts(b *testing.B) {
	e := newEngine(b)
	loadApp(b, e)
	n := newNetwork(b, e, 21)
	benchmark(b, func(ctx context.Context, i int) (string, error) {
		id, err := e.CreateContainer(ctx, runtime.ContainerSpec{Name: fmt.Sprintf("%s-bench-%d", prefix, i), Image: appImage,
			Network: runtime.NetworkAttachment{Name: n.Name, IP: strings.Replace(address(i), ".20.", ".21.", 1)}})
		if err != nil {
			return "", err
		}
		return id, e.StartContainer(ctx, id)
	}, e)
}

func address(i int) string { return fmt.Sprintf("10.200.20.%d", 10+i%200) }

// benchmark starts b.N containers from four goroutines and removes them again, outside of the measure.
func benchmark(b *testing.B, start func(context.Context, int) (string, error), e *Engine) {
	numbers, ids := make(chan int, b.N), make(chan string, b.N)
	for i := range b.N {
		numbers <- i
	}
	close(numbers)
	began := time.Now()
	b.ResetTimer()
	var all sync.WaitGroup
	for range parallelStarts {
		all.Go(func() {
			for i := range numbers {
				id, err := start(b.Context(), i)
				if err != nil {
					b.Error(err)
				}
				ids <- id
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "starts/s")
	close(ids)
	for id := range ids {
		if err := e.RemoveContainer(context.Background(), id); err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkSandbox reports what a sandbox costs: the resident memory of its process, and what its cgroup is charged with,
// without the shim that containerd puts beside it. One operation reads its stats.
func BenchmarkSandbox(b *testing.B) {
	e := newEngine(b)
	id, err := e.CreateContainer(b.Context(), runtime.ContainerSpec{Name: prefix + "-sandbox-bench", Image: runtime.SandboxImage})
	if err != nil {
		b.Fatal(err)
	}
	if err := e.StartContainer(b.Context(), id); err != nil {
		b.Fatal(err)
	}
	found, err := e.InspectContainer(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", found.Pid))
	if err != nil {
		b.Skipf("the engine is on another machine: %v", err)
	}
	for b.Loop() {
		if _, err := e.Stats(b.Context(), id); err != nil {
			b.Fatal(err)
		}
	}
	for line := range strings.Lines(string(status)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			b.ReportMetric(kib, "KiB-resident")
		}
	}
	stats, err := e.Stats(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(stats.MemoryBytes)/1024, "KiB-cgroup")
}
