package enginetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"coracle.dev/coracle/runtime"
)

var logTests = []test{
	{name: "logs of both streams", run: logsBothStreams},
	{name: "logs with tail", run: logsTail},
	{name: "logs since a time, with timestamps", run: logsSince},
	{name: "logs of a terminal", run: logsTerminal},
	{name: "logs of what never ran", run: logsNothing},
	{name: "logs followed to the end", run: logsFollow},
	{name: "logs followed until cancelled", run: logsFollowCancelled},
	{name: "logs to a writer that fails", run: logsBrokenWriter},
}

func logsBothStreams(t *testing.T, c contract) {
	id := c.run(t, "lines", "4")
	stdout, stderr := c.logs(t, id, runtime.LogOptions{})
	if stdout != "line 1\nline 3\n" || stderr != "line 2\nline 4\n" {
		t.Errorf("stdout %q, stderr %q: want lines 1, 3 and 2, 4", stdout, stderr)
	}
	if err := c.Logs(within(t), id, runtime.LogOptions{}, nil, nil); err != nil {
		t.Errorf("without writers: %v", err)
	}
	var both bytes.Buffer
	if err := c.Logs(within(t), id, runtime.LogOptions{}, &both, &both); err != nil || len(strings.Fields(both.String())) != 8 {
		t.Errorf("one writer for both: got %q, %v", both.String(), err)
	}
}

func logsTail(t *testing.T, c contract) {
	id := c.run(t, "count", "5")
	for tail, want := range map[int64]string{-1: "1\n2\n3\n4\n5\n", 0: "", 1: "5\n", 3: "3\n4\n5\n", 9: "1\n2\n3\n4\n5\n"} {
		if stdout, _ := c.logs(t, id, runtime.LogOptions{Tail: &tail}); stdout != want {
			t.Errorf("tail %d: stdout %q, want %q", tail, stdout, want)
		}
	}
}

func logsSince(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{})
	c.stop(t, id)
	stdout, _ := c.logs(t, id, runtime.LogOptions{Timestamps: true})
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(lines) != 2 {
		t.Fatalf("got %q, want two lines", stdout)
	}
	var times []time.Time
	for i, text := range []string{"up", "TERM"} {
		stamp, rest, _ := strings.Cut(lines[i], " ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil || rest != text || time.Since(at) > patience {
			t.Fatalf("line %q: want the present time and %q (%v)", lines[i], text, err)
		}
		times = append(times, at)
	}
	if stdout, _ := c.logs(t, id, runtime.LogOptions{Since: times[1]}); stdout != "TERM\n" {
		t.Errorf("since the second line: got %q", stdout)
	}
	if stdout, _ := c.logs(t, id, runtime.LogOptions{Since: times[1].Add(time.Hour)}); stdout != "" {
		t.Errorf("since a later time: got %q, want nothing", stdout)
	}
}

func (c contract) stop(t testing.TB, id string) {
	t.Helper()
	if err := c.StopContainer(within(t), id, patience); err != nil {
		t.Fatal(err)
	}
}

func logsTerminal(t *testing.T, c contract) {
	id := c.start(t, runtime.ContainerSpec{TTY: true, Args: []string{"lines", "2"}})
	c.exited(t, id)
	if stdout, stderr := c.logs(t, id, runtime.LogOptions{}); stdout != "line 1\r\nline 2\r\n" || stderr != "" {
		t.Errorf("stdout %q, stderr %q: want all on stdout", stdout, stderr)
	}
}

func logsNothing(t *testing.T, c contract) {
	id := c.create(t, runtime.ContainerSpec{})
	for _, follow := range []bool{false, true} {
		if stdout, stderr := c.logs(t, id, runtime.LogOptions{Follow: follow}); stdout+stderr != "" {
			t.Errorf("follow %t: got %q", follow, stdout+stderr)
		}
	}
	if err := c.Logs(within(t), c.name(), runtime.LogOptions{}, nil, nil); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("of none: got %v, want ErrNotFound", err)
	}
}

func logsFollow(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{})
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := c.Logs(within(t), id, runtime.LogOptions{Follow: true}, writer, writer)
		_ = writer.Close()
		ended <- err
	}()
	first := make([]byte, len("up\n"))
	if _, err := io.ReadFull(reader, first); err != nil || string(first) != "up\n" {
		t.Fatalf("got %q, %v; want what was there", first, err)
	}
	go func() { _ = c.StopContainer(within(t), id, patience) }()
	rest, err := io.ReadAll(reader)
	if err != nil || string(rest) != "TERM\n" {
		t.Errorf("got %q, %v; want what came later", rest, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("at the end: %v, want nil", err)
	}
}

func logsFollowCancelled(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{})
	ctx, cancel := context.WithCancel(context.Background())
	var out cancelling
	out.cancel = cancel
	if err := c.Logs(ctx, id, runtime.LogOptions{Follow: true}, &out, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// cancelling ends a context at the first write.
type cancelling struct{ cancel context.CancelFunc }

func (c *cancelling) Write(p []byte) (int, error) {
	c.cancel()
	return len(p), nil
}

func logsBrokenWriter(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{})
	err := c.Logs(within(t), id, runtime.LogOptions{Follow: true}, broken{}, nil)
	if !errors.Is(err, errBroken) || errors.Is(err, runtime.ErrUnavailable) {
		t.Errorf("got %v, want the writer's error", err)
	}
}

// errBroken is what a client's connection gives that went away; the engine's is a different one.
var errBroken error = &net.OpError{Op: "write", Err: syscall.EPIPE}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
