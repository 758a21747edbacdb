package docker

import (
	"context"
	"io"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"

	"coracle.dev/coracle/runtime"
)

// open hijacks a connection. Docker's client heeds the context only while it dials: here the call returns when the
// context or the deadline ends, and a connection that comes later is closed.
func open(ctx context.Context, hijack func(context.Context) (types.HijackedResponse, error)) (types.HijackedResponse, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readDeadline, slow{readDeadline})
	defer cancel()
	type answer struct {
		connection types.HijackedResponse
		err        error
	}
	answers := make(chan answer, 1)
	go func() {
		connection, err := hijack(ctx)
		answers <- answer{connection, err}
	}()
	select {
	case a := <-answers:
		return a.connection, a.err
	case <-ctx.Done():
		go func() {
			if a := <-answers; a.err == nil {
				a.connection.Close()
			}
		}()
		return types.HijackedResponse{}, context.Cause(ctx)
	}
}

// pump copies both ways until the process has closed its output or the context ends. The end of stdin is passed on
// as a half-close, so that `cat` ends and its output still arrives.
func pump(ctx context.Context, connection types.HijackedResponse, tty bool, s runtime.Streams) error {
	defer connection.Close()
	stop := context.AfterFunc(ctx, connection.Close)
	defer stop()
	if s.Stdin != nil {
		go func() {
			// An error means that the process reads no more, which is its right.
			_, _ = io.Copy(connection.Conn, s.Stdin)
			_ = connection.CloseWrite()
		}()
	}
	return demultiplex(connection.Reader, tty, s.Stdout, s.Stderr)
}

// resizer sends terminal sizes until done is closed.
func resizer(ctx context.Context, sizes <-chan runtime.TerminalSize, send func(context.Context, container.ResizeOptions) error) (stop func()) {
	if sizes == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case size, more := <-sizes:
				if !more {
					return
				}
				resize(ctx, size, send)
			}
		}
	}()
	return cancel
}

// resize tries for a second: the terminal may not be there yet. A size that never gets there does no harm.
func resize(ctx context.Context, size runtime.TerminalSize, send func(context.Context, container.ResizeOptions) error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for send(ctx, container.ResizeOptions{Height: uint(size.Height), Width: uint(size.Width)}) != nil {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}
