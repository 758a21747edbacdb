package memory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/memory"
)

var errBoom = errors.New("boom")

func TestFaultMatches(t *testing.T) {
	e, _ := newEngine()
	id, other := run(t, e, "web-1"), run(t, e, "db-1")
	e.SetFaults(memory.Fault{Call: "InspectContainer", Container: "web-*", Times: 1, Err: errBoom})
	if _, err := e.InspectContainer(t.Context(), other); err != nil {
		t.Errorf("another container: %v", err)
	}
	if _, err := e.Stats(t.Context(), id); err != nil {
		t.Errorf("another call: %v", err)
	}
	if _, err := e.InspectContainer(t.Context(), id); !errors.Is(err, errBoom) {
		t.Errorf("got %v, want boom", err)
	}
	if _, err := e.InspectContainer(t.Context(), id); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

// With After the call works, and only its answer is lost: what a broken connection does.
func TestFaultAfter(t *testing.T) {
	e, _ := newEngine()
	e.SetFaults(memory.Fault{Call: "CreateContainer", Times: 1, Err: runtime.ErrUnavailable, After: true})
	spec := runtime.ContainerSpec{Name: "web", Image: "web:v1"}
	if _, err := e.CreateContainer(t.Context(), spec); !errors.Is(err, runtime.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	if _, err := e.CreateContainer(t.Context(), spec); !errors.Is(err, runtime.ErrConflict) {
		t.Errorf("again: got %v, want ErrConflict", err)
	}
	if found := inspect(t, e, "web"); found.State != runtime.StateCreated {
		t.Errorf("state %s, want created", found.State)
	}
}

func TestFaultDelay(t *testing.T) {
	e, clock := newEngine()
	e.SetFaults(memory.Fault{Call: "PullImage", Image: "big:*", Delay: time.Minute})
	pulled := make(chan error)
	go func() { pulled <- e.PullImage(t.Context(), "big:1", nil, nil) }()
	for !clock.HasWaiters() {
		if err := e.PullImage(t.Context(), "small:1", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.InspectImage(t.Context(), "big:1"); !errors.Is(err, runtime.ErrImageNotFound) {
		t.Errorf("meanwhile: got %v, want ErrImageNotFound", err)
	}
	clock.Step(time.Minute)
	if err := <-pulled; err != nil {
		t.Fatal(err)
	}
	if _, err := e.InspectImage(t.Context(), "big:1"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestFaultHang(t *testing.T) {
	e, _ := newEngine()
	id := run(t, e, "web")
	e.SetFaults(memory.Fault{Call: "InspectContainer", Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := e.InspectContainer(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
	if _, err := e.ListContainers(t.Context()); err != nil {
		t.Errorf("other calls: %v", err)
	}
}

func TestRestart(t *testing.T) {
	e, clock := newEngine()
	events, err := e.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := run(t, e, "web")
	created, err := e.CreateContainer(t.Context(), runtime.ContainerSpec{Name: "waits", Image: "web:v1"})
	if err != nil {
		t.Fatal(err)
	}
	followed := make(chan error)
	go func() { followed <- e.Logs(t.Context(), id, runtime.LogOptions{Follow: true}, nil, nil) }()
	clock.Step(time.Second)
	e.Down()
	var got []runtime.EventKind
	for event := range events { // closed
		got = append(got, event.Kind)
	}
	if len(got) != 1 {
		t.Errorf("events %v, want only the start", got)
	}
	if err := <-followed; err != nil && !errors.Is(err, runtime.ErrUnavailable) {
		t.Errorf("followed log: %v", err)
	}
	if _, err := e.Info(t.Context()); !errors.Is(err, runtime.ErrUnavailable) {
		t.Errorf("while down: got %v, want ErrUnavailable", err)
	}
	e.Up()
	if found := inspect(t, e, id); found.State != runtime.StateExited || found.ExitCode != 137 || !found.Finished.Equal(start.Add(time.Second)) {
		t.Errorf("afterwards: %+v, want it killed", found)
	}
	if found := inspect(t, e, created); found.State != runtime.StateCreated {
		t.Errorf("state %s, want created", found.State)
	}
}

func TestDisconnect(t *testing.T) {
	e, clock := newEngine(memory.Script{Container: "job", ExitAfter: time.Minute})
	server, job := run(t, e, "server"), run(t, e, "job")
	e.Disconnect()
	stopped := e.StopContainer(t.Context(), server, time.Second)
	if !errors.Is(stopped, runtime.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", stopped)
	}
	clock.Step(time.Hour)
	e.Up()
	if found := inspect(t, e, server); found.State != runtime.StateRunning || !found.Started.Equal(start) {
		t.Errorf("server: %+v, want it running on", found)
	}
	if found := inspect(t, e, job); !found.Finished.Equal(start.Add(time.Minute)) {
		t.Errorf("job: %+v, want its end meanwhile", found)
	}
}

// What waits when the engine goes away comes back at once.
func TestDownReleasesCalls(t *testing.T) {
	e, _ := newEngine(memory.Script{IgnoreTERM: true})
	id := run(t, e, "web")
	e.SetFaults(memory.Fault{Call: "Info", Hang: true})
	errs := make(chan error)
	go func() { _, err := e.Info(t.Context()); errs <- err }()
	go func() { errs <- e.Attach(t.Context(), id, runtime.Streams{}) }()
	e.Down()
	for range 2 {
		if err := <-errs; err != nil && !errors.Is(err, runtime.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
	}
}
