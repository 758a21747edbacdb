package enginetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"coracle.dev/coracle/runtime"
)

var execTests = []test{
	{name: "exec", run: execCommand},
	{name: "exec with stdin", run: execStdin},
	{name: "exec on a terminal", run: execTerminal},
	{name: "exec of an unknown command", run: execUnknown},
	{name: "exec until cancelled", run: execCancelled},
	{name: "exec and the end of the container", run: execContainerEnds},
	{name: "exec where nothing runs", run: execIdle},
}

func execCommand(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{Env: []string{"COLOUR=blue"}})
	var stdout, stderr bytes.Buffer
	code, err := c.Exec(within(t), id, []string{"/app", "lines", "2"}, runtime.Streams{Stdout: &stdout, Stderr: &stderr})
	if code != 0 || err != nil || stdout.String() != "line 1\n" || stderr.String() != "line 2\n" {
		t.Errorf("code %d, error %v, stdout %q, stderr %q", code, err, stdout.String(), stderr.String())
	}
	if got := c.exec(t, id, "env", "COLOUR"); got != "blue\n" {
		t.Errorf("environment: COLOUR is %q, want that of the container", got)
	}
	code, err = c.Exec(within(t), id, []string{"/app", "exit", "7"}, runtime.Streams{})
	if code != 7 || err != nil {
		t.Errorf("code %d, error %v; want 7, nil", code, err)
	}
	if stdout, _ := c.logs(t, id, runtime.LogOptions{}); stdout != "up\n" {
		t.Errorf("log %q: the commands' output does not belong there", stdout)
	}
}

// The end of stdin must reach the command, and its output still come back.
func execStdin(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{})
	text := strings.Repeat("0123456789abcdef", 1<<14) // more than any pipe holds
	var stdout bytes.Buffer
	code, err := c.Exec(within(t), id, []string{"/app", "cat"}, runtime.Streams{Stdin: strings.NewReader(text), Stdout: &stdout})
	if code != 0 || err != nil || stdout.String() != text {
		t.Errorf("code %d, error %v, %d bytes; want 0, nil, the same %d", code, err, stdout.Len(), len(text))
	}
	code, err = c.Exec(within(t), id, []string{"/app", "cat"}, runtime.Streams{})
	if code != 0 || err != nil {
		t.Errorf("without stdin: code %d, error %v; want it to be empty", code, err)
	}
}

func execTerminal(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{})
	sizes := make(chan runtime.TerminalSize, 1)
	sizes <- runtime.TerminalSize{Width: 132, Height: 43}
	var stdout bytes.Buffer
	code, err := c.Exec(within(t), id, []string{"/app", "terminal"}, runtime.Streams{Stdout: &stdout, TTY: true, Resize: sizes})
	if code != 0 || err != nil || stdout.String() != "132x43\r\n" {
		t.Errorf("code %d, error %v, output %q; want 132x43 and a terminal's end of line", code, err, stdout.String())
	}
}

func execUnknown(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{})
	for _, tty := range []bool{false, true} {
		var stdout bytes.Buffer
		_, err := c.Exec(within(t), id, []string{"/nonesuch"}, runtime.Streams{Stdout: &stdout, TTY: tty})
		if err == nil || !strings.Contains(err.Error(), `"/nonesuch"`) || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("terminal %t: got %v, want that there is no such file", tty, err)
		}
		if stdout.Len() > 0 {
			t.Errorf("terminal %t: output %q, want none", tty, stdout.String())
		}
	}
	if _, err := c.Exec(within(t), id, nil, runtime.Streams{}); err == nil {
		t.Error("no command at all: no error")
	}
	// What a command says is its own affair, even if it looks like an error of the engine.
	const claim = "OCI runtime exec failed: a lie"
	if got := c.exec(t, id, "echo", claim); got != claim+"\n" {
		t.Errorf("got %q, want %q", got, claim)
	}
}

func execCancelled(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{})
	ctx, cancel := context.WithCancel(context.Background())
	_, err := c.Exec(ctx, id, []string{"/app", "sleep"}, runtime.Streams{Stdout: &cancelling{cancel}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if found := c.inspect(t, id); found.State != runtime.StateRunning {
		t.Errorf("the container is %s, want running", found.State)
	}
}

func execContainerEnds(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{})
	reader, writer := io.Pipe()
	type result struct {
		code int
		err  error
	}
	ended := make(chan result, 1)
	go func() {
		code, err := c.Exec(within(t), id, []string{"/app", "stubborn"}, runtime.Streams{Stdout: writer})
		_ = writer.Close()
		ended <- result{code, err}
	}()
	if _, err := io.ReadFull(reader, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	if err := c.StopContainer(within(t), id, 0); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-ended:
		if r.err == nil && r.code != 137 {
			t.Errorf("code %d, want 137", r.code)
		}
	case <-time.After(patience):
		t.Fatal("exec goes on after the end of its container")
	}
}

func execIdle(t *testing.T, c contract) {
	for _, id := range []string{c.create(t, runtime.ContainerSpec{}), c.run(t, "exit", "0")} {
		if _, err := c.Exec(within(t), id, []string{"/app"}, runtime.Streams{}); !errors.Is(err, runtime.ErrConflict) {
			t.Errorf("got %v, want ErrConflict", err)
		}
	}
	if _, err := c.Exec(within(t), c.name(), []string{"/app"}, runtime.Streams{}); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("of none: got %v, want ErrNotFound", err)
	}
}
