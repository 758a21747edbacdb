package docker

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/enginetest"
)

// When the engine crashes, or is restarted, callers see ErrUnavailable and closed channels; when it is back, the same
// Engine works on, and the containers are there to be started again.
func TestEngineRestart(t *testing.T) {
	dockerd := enginetest.NewDockerd(t)
	e, err := New(Options{Host: dockerd.Host, NodeName: "node-1", Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	response, err := e.client.ImageLoad(ctx, bytes.NewReader(enginetest.Archive(t, "app:1")))
	if err != nil {
		t.Fatal(err)
	}
	if err := loaded(response); err != nil {
		t.Fatal(err)
	}
	sandbox, err := e.CreateContainer(ctx, runtime.ContainerSpec{Name: "sandbox", Image: runtime.SandboxImage})
	if err != nil {
		t.Fatal(err)
	}
	app, err := e.CreateContainer(ctx, runtime.ContainerSpec{Name: "app", Image: "app:1", Network: runtime.NetworkAttachment{From: sandbox}})
	if err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]func(testing.TB){"crash": dockerd.Kill, "restart": dockerd.Stop} {
		for _, id := range []string{sandbox, app} {
			if err := e.StartContainer(ctx, id); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		events, err := e.Events(ctx)
		if err != nil {
			t.Fatal(err)
		}
		followed := make(chan error, 1)
		go func() { followed <- e.Logs(ctx, app, runtime.LogOptions{Follow: true}, nil, nil) }()
		end(t)
		for range events { // until it is closed
		}
		<-followed
		if _, err := e.Info(ctx); !errors.Is(err, runtime.ErrUnavailable) {
			t.Errorf("%s: while it is away: got %v, want ErrUnavailable", name, err)
		}
		dockerd.Start(t)
		for _, id := range []string{sandbox, app} {
			found, err := e.InspectContainer(ctx, id)
			if err != nil || found.State != runtime.StateExited {
				t.Errorf("%s: afterwards: state %s, %v; want exited", name, found.State, err)
			}
		}
	}
	for _, id := range []string{sandbox, app} {
		if err := e.RemoveContainer(ctx, id); err != nil {
			t.Error(err)
		}
	}
}
