package docker

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"coracle.dev/coracle/runtime"
)

func (e *Engine) Logs(ctx context.Context, id string, options runtime.LogOptions, stdout, stderr io.Writer) error {
	found, err := e.inspect(ctx, id)
	if err != nil {
		return err
	}
	doing := "read log of container " + short(id)
	ctx, opened, cancel := opening(ctx)
	defer cancel()
	stream, err := e.client.ContainerLogs(ctx, found.ID, logsOptions(options))
	opened()
	if err != nil {
		return explain(ctx, doing, err)
	}
	defer stream.Close()
	return explain(ctx, doing, demultiplex(stream, found.Config.Tty, stdout, stderr))
}

func logsOptions(o runtime.LogOptions) container.LogsOptions {
	out := container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: o.Follow, Timestamps: o.Timestamps, Tail: "all"}
	if !o.Since.IsZero() {
		out.Since = fmt.Sprintf("%d.%09d", o.Since.Unix(), o.Since.Nanosecond())
	}
	if o.Tail != nil && *o.Tail >= 0 {
		out.Tail = strconv.FormatInt(*o.Tail, 10)
	}
	return out
}

// demultiplex copies a container's output to its two streams. A terminal has only one, which comes as it is.
func demultiplex(stream io.Reader, tty bool, stdout, stderr io.Writer) error {
	if tty {
		_, err := io.Copy(sink{orDiscard(stdout)}, stream)
		return err
	}
	_, err := stdcopy.StdCopy(sink{orDiscard(stdout)}, sink{orDiscard(stderr)}, stream)
	return err
}

// sink marks the errors of a writer, to tell them from those of the engine.
type sink struct{ io.Writer }

func (s sink) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	if err != nil {
		err = undelivered{err}
	}
	return n, err
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
