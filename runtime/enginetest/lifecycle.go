package enginetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"coracle.dev/coracle/runtime"
)

var lifecycleTests = []test{
	{name: "create does not start", run: createDoesNotStart},
	{name: "create with a taken name", run: createTakenName},
	{name: "create of a missing image", run: createMissingImage},
	{name: "create by image id", run: createByImageID},
	{name: "start", run: startRuns},
	{name: "start of what is not there", run: startMissing},
	{name: "start of an unknown command", run: startUnknownCommand},
	{name: "start after the end", run: startAgain},
	{name: "exit code", run: exitCode},
	{name: "stop sends the stop signal", run: stopSignal},
	{name: "stop kills after grace", run: stopKills},
	{name: "stop without grace kills at once", run: stopAtOnce},
	{name: "stop of what does not run", run: stopIdle},
	{name: "remove", run: remove},
	{name: "sandbox", run: sandbox},
	{name: "cancelled calls", run: cancelled},
}

func createDoesNotStart(t *testing.T, c contract) {
	before := time.Now().Add(-2 * time.Second) // listings count whole seconds
	id := c.create(t, runtime.ContainerSpec{Args: []string{"exit", "0"}})
	found := c.inspect(t, id)
	if found.ID != id || found.State != runtime.StateCreated || found.Pid != 0 {
		t.Errorf("got id %s, state %s, pid %d; want %s, created, none", found.ID, found.State, found.Pid, id)
	}
	if !found.Started.IsZero() || !found.Finished.IsZero() {
		t.Errorf("started %v, finished %v: want neither", found.Started, found.Finished)
	}
	if found.Created.Before(before) || found.Created.After(time.Now().Add(time.Second)) {
		t.Errorf("created at %v, want now", found.Created)
	}
}

func createTakenName(t *testing.T, c contract) {
	name := c.name()
	first := c.create(t, runtime.ContainerSpec{Name: name})
	if _, err := c.CreateContainer(within(t), runtime.ContainerSpec{Name: name, Image: c.Image}); !errors.Is(err, runtime.ErrConflict) {
		t.Fatalf("got %v, want ErrConflict", err)
	}
	if found := c.inspect(t, name); found.ID != first {
		t.Errorf("the name is now that of %s, want %s", found.ID, first)
	}
}

func createMissingImage(t *testing.T, c contract) {
	for ref, want := range map[string]error{
		c.Prefix + "-nothing:1": runtime.ErrImageNotFound,
		"NOT a reference":       runtime.ErrInvalidImageName,
	} {
		name := c.name()
		_, err := c.CreateContainer(within(t), runtime.ContainerSpec{Name: name, Image: ref})
		if !errors.Is(err, want) || !strings.Contains(err.Error(), ref) {
			t.Errorf("image %q: got %v, want %v with the reference", ref, err, want)
		}
		if _, err := c.InspectContainer(within(t), name); !errors.Is(err, runtime.ErrNotFound) {
			t.Errorf("image %q: something was created: %v", ref, err)
		}
	}
}

func createByImageID(t *testing.T, c contract) {
	image, err := c.InspectImage(within(t), c.Image)
	if err != nil {
		t.Fatal(err)
	}
	id := c.create(t, runtime.ContainerSpec{Image: image.ID})
	if found := c.inspect(t, id); found.ImageID != image.ID {
		t.Errorf("made of image %s, want %s", found.ImageID, image.ID)
	}
}

func startRuns(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{})
	found := c.inspect(t, id)
	if found.State != runtime.StateRunning || found.Pid == 0 || found.Started.IsZero() || !found.Finished.IsZero() {
		t.Errorf("got %+v, want it running", found)
	}
	if err := c.StartContainer(within(t), id); err != nil {
		t.Errorf("start again: %v, want no error", err)
	}
	if again := c.inspect(t, id); !again.Started.Equal(found.Started) {
		t.Errorf("started at %v and again at %v: want once", found.Started, again.Started)
	}
}

func startMissing(t *testing.T, c contract) {
	if err := c.StartContainer(within(t), c.name()); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func startUnknownCommand(t *testing.T, c contract) {
	id := c.create(t, runtime.ContainerSpec{Entrypoint: []string{"/nonesuch"}})
	err := c.StartContainer(within(t), id)
	if err == nil || !strings.Contains(err.Error(), `"/nonesuch"`) || !strings.Contains(err.Error(), "no such file") {
		t.Fatalf("got %v, want that there is no such file", err)
	}
	found := c.inspect(t, id)
	if found.State != runtime.StateCreated || !strings.Contains(found.Error, "/nonesuch") || found.ExitCode != 127 {
		t.Errorf("got state %s, error %q, code %d; want created, the same words, 127", found.State, found.Error, found.ExitCode)
	}
}

func startAgain(t *testing.T, c contract) {
	id := c.run(t, "echo", "once")
	first := c.inspect(t, id)
	if err := c.StartContainer(within(t), id); err != nil {
		t.Fatal(err)
	}
	var second runtime.Container
	eventually(t, "second run has ended", func() bool {
		second = c.inspect(t, id)
		return second.State == runtime.StateExited && second.Started.After(first.Started)
	})
	if second.Finished.Before(second.Started) {
		t.Errorf("started %v, finished %v", second.Started, second.Finished)
	}
	if stdout, _ := c.logs(t, id, runtime.LogOptions{}); stdout != "once\nonce\n" {
		t.Errorf("log %q, want both runs", stdout)
	}
}

func exitCode(t *testing.T, c contract) {
	id := c.run(t, "exit", "42")
	found := c.inspect(t, id)
	if found.ExitCode != 42 || found.OOMKilled || found.Pid != 0 || found.Finished.Before(found.Started) {
		t.Errorf("got %+v, want code 42", found)
	}
}

func stopSignal(t *testing.T, c contract) {
	for stopSignal, want := range map[string]string{"": "TERM", "SIGUSR1": "USR1"} {
		id := c.up(t, runtime.ContainerSpec{StopSignal: stopSignal})
		if err := c.StopContainer(within(t), id, patience); err != nil {
			t.Fatal(err)
		}
		if found := c.inspect(t, id); found.State != runtime.StateExited || found.ExitCode != 0 {
			t.Errorf("got %s with code %d, want exited with 0", found.State, found.ExitCode)
		}
		if stdout, _ := c.logs(t, id, runtime.LogOptions{}); stdout != "up\n"+want+"\n" {
			t.Errorf("stop signal %q: printed %q, want %s", stopSignal, stdout, want)
		}
	}
}

func stopKills(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{Args: []string{"stubborn"}})
	began := time.Now()
	if err := c.StopContainer(within(t), id, time.Second); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("stopped after %s, want the grace of 1 s", took)
	}
	if found := c.inspect(t, id); found.State != runtime.StateExited || found.ExitCode != 137 {
		t.Errorf("got %s with code %d, want exited with 137", found.State, found.ExitCode)
	}
	if stdout, _ := c.logs(t, id, runtime.LogOptions{}); stdout != "up\nTERM\n" {
		t.Errorf("printed %q, want TERM before the end", stdout)
	}
}

func stopAtOnce(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{Args: []string{"stubborn"}})
	if err := c.StopContainer(within(t), id, 0); err != nil {
		t.Fatal(err)
	}
	if found := c.inspect(t, id); found.State != runtime.StateExited || found.ExitCode != 137 {
		t.Errorf("got %s with code %d, want exited with 137", found.State, found.ExitCode)
	}
}

func stopIdle(t *testing.T, c contract) {
	created := c.create(t, runtime.ContainerSpec{})
	exited := c.run(t, "exit", "0")
	for _, id := range []string{created, exited, c.name()} {
		if err := c.StopContainer(within(t), id, patience); err != nil {
			t.Errorf("got %v, want no error", err)
		}
	}
	if found := c.inspect(t, created); found.State != runtime.StateCreated {
		t.Errorf("state %s, want created", found.State)
	}
}

func remove(t *testing.T, c contract) {
	name := c.name()
	id := c.up(t, runtime.ContainerSpec{Name: name, Args: []string{"stubborn"}})
	for range 2 { // the second time it is gone
		if err := c.RemoveContainer(within(t), id); err != nil {
			t.Fatal(err)
		}
		if _, err := c.InspectContainer(within(t), id); !errors.Is(err, runtime.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	}
	c.create(t, runtime.ContainerSpec{Name: name}) // the name is free again
}

// A sandbox needs no image from outside, and nothing waits for it to stop.
func sandbox(t *testing.T, c contract) {
	id := c.start(t, runtime.ContainerSpec{Image: runtime.SandboxImage, Network: runtime.NetworkAttachment{Name: c.Network.Name, IP: c.address()}})
	if found := c.inspect(t, id); found.State != runtime.StateRunning || found.Image != runtime.SandboxImage {
		t.Errorf("got %s of image %s, want it running", found.State, found.Image)
	}
	began := time.Now()
	if err := c.StopContainer(within(t), id, patience); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("took %s to stop, of a grace of %s", took, patience)
	}
	if found := c.inspect(t, id); found.ExitCode != 137 {
		t.Errorf("code %d, want 137", found.ExitCode)
	}
}

func cancelled(t *testing.T, c contract) {
	id := c.create(t, runtime.ContainerSpec{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	calls := map[string]func() error{
		"Info":             func() error { _, err := c.Info(ctx); return err },
		"CreateContainer":  func() error { _, err := c.CreateContainer(ctx, runtime.ContainerSpec{Image: c.Image}); return err },
		"StartContainer":   func() error { return c.StartContainer(ctx, id) },
		"StopContainer":    func() error { return c.StopContainer(ctx, id, 0) },
		"RemoveContainer":  func() error { return c.RemoveContainer(ctx, id) },
		"InspectContainer": func() error { _, err := c.InspectContainer(ctx, id); return err },
		"ListContainers":   func() error { _, err := c.ListContainers(ctx); return err },
		"ListImages":       func() error { _, err := c.ListImages(ctx); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", name, err)
		}
	}
	if found := c.inspect(t, id); found.State != runtime.StateCreated {
		t.Errorf("state %s, want created: a cancelled call had an effect", found.State)
	}
}
