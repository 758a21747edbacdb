package memory_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/memory"
)

// Whatever is done to an engine, in whatever order, its events tell the truth: who replays them knows the state of every
// container, and never sees one end that did not start. And no two running containers have one address.
func TestEventsTellTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, clock := newEngine(
			memory.Script{Container: "c0", ExitAfter: 3 * time.Second},
			memory.Script{Container: "c1", StopDelay: time.Second},
			memory.Script{Container: "c2", Times: 2, ExitAfter: time.Second, OOM: true},
		)
		events, err := e.Events(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := e.EnsureNetwork(t.Context(), runtime.Network{Name: "pods", Subnet: "10.200.2.0/24"}); err != nil {
			t.Fatal(err)
		}
		container := rapid.IntRange(0, 4)
		name := func() string { return fmt.Sprintf("c%d", container.Draw(t, "container")) }
		told := map[string]runtime.State{}
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				n := name()
				ip := fmt.Sprintf("10.200.2.%d", rapid.IntRange(2, 4).Draw(t, "address"))
				id, err := e.CreateContainer(t.Context(), runtime.ContainerSpec{Name: n, Image: "web:v1", Network: runtime.NetworkAttachment{Name: "pods", IP: ip}})
				if err == nil {
					told[id] = runtime.StateCreated
				}
			},
			"start":  func(t *rapid.T) { _ = e.StartContainer(t.Context(), name()) },
			"stop":   func(t *rapid.T) { _ = e.StopContainer(t.Context(), name(), 0) },
			"kill":   func(t *rapid.T) { _ = e.Kill(name()) },
			"remove": func(t *rapid.T) { _ = e.RemoveContainer(t.Context(), name()) },
			"wait":   func(t *rapid.T) { clock.Step(time.Duration(rapid.IntRange(1, 2000).Draw(t, "ms")) * time.Millisecond) },
			"": func(t *rapid.T) {
				all, err := e.ListContainers(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				replay(t, told, events)
				if len(all) != len(told) {
					t.Fatalf("%d containers, told of %d", len(all), len(told))
				}
				addresses := map[string]string{}
				for _, c := range all {
					if told[c.ID] != c.State {
						t.Fatalf("%s is %s, told %s", c.Name, c.State, told[c.ID])
					}
					if c.State != runtime.StateRunning {
						continue
					}
					found, _ := e.InspectContainer(t.Context(), c.ID)
					if other := addresses[found.IP]; other != "" {
						t.Fatalf("%s and %s both have %s", other, c.Name, found.IP)
					}
					addresses[found.IP] = c.Name
				}
			},
		})
	})
}

func replay(t *rapid.T, told map[string]runtime.State, events <-chan runtime.Event) {
	for {
		select {
		case event := <-events:
			before := told[event.ID]
			switch {
			case event.Kind == runtime.EventStarted && before != runtime.StateRunning:
				told[event.ID] = runtime.StateRunning
			case event.Kind == runtime.EventExited && before == runtime.StateRunning:
				told[event.ID] = runtime.StateExited
			case event.Kind == runtime.EventOOM && before == runtime.StateRunning:
			case event.Kind == runtime.EventRemoved && before != runtime.StateRunning:
				delete(told, event.ID)
			default:
				t.Fatalf("%s of a container that was %s", event.Kind, before)
			}
		default:
			return
		}
	}
}
