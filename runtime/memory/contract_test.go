package memory_test

import (
	"context"
	"fmt"
	"testing"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/enginetest"
	"coracle.dev/coracle/runtime/enginetest/app"
	"coracle.dev/coracle/runtime/memory"
)

func TestContract(t *testing.T) {
	const image = "coracle-enginetest-app:1"
	network := runtime.Network{Name: "coracle-enginetest-net", Subnet: "10.200.1.0/24"}
	newEngine := func(t *testing.T) runtime.Engine {
		e := memory.New(memory.Options{
			NodeName: "node-1",
			Scripts:  []memory.Script{{Image: "*coracle-enginetest*", Program: testApp, Commands: []string{"/app"}}},
			Faults: []memory.Fault{
				{Call: "PullImage", Image: "registry.example/missing:1", Err: fmt.Errorf("%w: registry.example/missing:1", runtime.ErrImageNotFound)},
				{Call: "PullImage", Image: "registry.example/broken:1", Err: fmt.Errorf("registry.example/broken:1: connection reset")},
			},
		})
		e.AddImage(runtime.Image{Tags: []string{image}, Entrypoint: []string{"/app"}, Cmd: []string{"sleep"}})
		if err := e.EnsureNetwork(t.Context(), network); err != nil {
			t.Fatal(err)
		}
		return e
	}
	enginetest.Run(t, newEngine, enginetest.Options{
		Prefix:   "coracle-enginetest",
		NodeName: "node-1",
		Image:    image,
		Network:  network,
		Pulls:    enginetest.Pulls{Good: "registry.example/good:1", Missing: "registry.example/missing:1", Broken: "registry.example/broken:1"},
	})
}

// testApp runs package app as a program of the memory engine.
func testApp(_ context.Context, p *memory.Process) int {
	return app.Main(app.World{
		Args: p.Command[1:], Env: p.Env, Dir: p.Dir, Hostname: p.Hostname,
		Stdin: p.Stdin, Stdout: p.Stdout, Stderr: p.Stderr, Signals: p.Signals,
		Listen: p.Listen, Dial: p.Dial, Allocate: p.Allocate, Namespace: p.Namespace,
		Terminal: func() (width, height int) {
			size := p.Terminal()
			return int(size.Width), int(size.Height)
		},
	})
}
