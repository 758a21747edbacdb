package enginetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"coracle.dev/coracle/runtime"
)

var attachTests = []test{
	{name: "attach", run: attachStdin},
	{name: "attach to a terminal", run: attachTerminal},
	{name: "attach until cancelled", run: attachCancelled},
	{name: "attach where nothing runs", run: attachIdle},
}

func attachStdin(t *testing.T, c contract) {
	id := c.start(t, runtime.ContainerSpec{Args: []string{"cat"}, Stdin: true, StdinOnce: true})
	var stdout bytes.Buffer
	if err := c.Attach(within(t), id, runtime.Streams{Stdin: strings.NewReader("hello\n"), Stdout: &stdout}); err != nil {
		t.Fatal(err)
	}
	if stdout.String() != "hello\n" {
		t.Errorf("got %q, want what went in", stdout.String())
	}
	if found := c.exited(t, id); found.ExitCode != 0 {
		t.Errorf("code %d, want 0", found.ExitCode)
	}
	if logged, _ := c.logs(t, id, runtime.LogOptions{}); logged != "hello\n" {
		t.Errorf("log %q, want it there too", logged)
	}
}

func attachTerminal(t *testing.T, c contract) {
	id := c.start(t, runtime.ContainerSpec{Args: []string{"terminal"}, TTY: true, Stdin: true})
	sizes := make(chan runtime.TerminalSize, 1)
	sizes <- runtime.TerminalSize{Width: 90, Height: 30}
	var stdout bytes.Buffer
	if err := c.Attach(within(t), id, runtime.Streams{Stdout: &stdout, TTY: true, Resize: sizes}); err != nil {
		t.Fatal(err)
	}
	if stdout.String() != "90x30\r\n" {
		t.Errorf("got %q, want 90x30", stdout.String())
	}
}

// The end of a client's stdin does not end the process if others may attach after it.
func attachCancelled(t *testing.T, c contract) {
	id := c.start(t, runtime.ContainerSpec{Args: []string{"cat"}, Stdin: true})
	for _, text := range []string{"first\n", "second\n"} {
		ctx, cancel := context.WithCancel(context.Background())
		in, feed := io.Pipe()
		go func() { _, _ = io.WriteString(feed, text) }()
		var seen recorder
		seen.cancel = cancel
		err := c.Attach(ctx, id, runtime.Streams{Stdin: in, Stdout: &seen})
		if !errors.Is(err, context.Canceled) || seen.String() != text {
			t.Errorf("got %q, %v; want %q, context.Canceled", seen.String(), err, text)
		}
		_ = feed.Close()
	}
	if found := c.inspect(t, id); found.State != runtime.StateRunning {
		t.Errorf("state %s, want running", found.State)
	}
}

// recorder keeps what is written and ends a context.
type recorder struct {
	bytes.Buffer
	cancelling
}

func (r *recorder) Write(p []byte) (int, error) {
	defer r.cancel()
	return r.Buffer.Write(p)
}

func attachIdle(t *testing.T, c contract) {
	for _, id := range []string{c.create(t, runtime.ContainerSpec{}), c.run(t, "exit", "0")} {
		if err := c.Attach(within(t), id, runtime.Streams{}); !errors.Is(err, runtime.ErrConflict) {
			t.Errorf("got %v, want ErrConflict", err)
		}
	}
}
