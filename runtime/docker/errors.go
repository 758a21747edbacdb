package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"coracle.dev/coracle/runtime"
)

// slow is the cause of a context that ended because the engine took too long.
type slow struct{ limit time.Duration }

func (s slow) Error() string { return fmt.Sprintf("no answer within %s", s.limit) }

// opening bounds the time until an engine begins to answer with a stream, but not the stream. opened ends that bound.
func opening(ctx context.Context) (_ context.Context, opened, cancel func()) {
	ctx, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(readDeadline, func() { end(slow{readDeadline}) })
	return ctx, func() { timer.Stop() }, func() {
		timer.Stop()
		end(nil)
	}
}

// explain turns what the client returned into an error of package runtime: "<doing>: <sentinel>: <engine's words>".
// A context that ended outranks what the client made of it.
func explain(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		cause := context.Cause(ctx)
		if _, late := errors.AsType[slow](cause); late {
			return fmt.Errorf("%s: %w: %w", doing, runtime.ErrUnavailable, cause)
		}
		return fmt.Errorf("%s: %w", doing, cause)
	}
	if _, theirs := errors.AsType[undelivered](err); theirs {
		return fmt.Errorf("%s: %w", doing, err)
	}
	for _, sentinel := range []error{runtime.ErrNotFound, runtime.ErrConflict, runtime.ErrUnavailable,
		runtime.ErrImageNotFound, runtime.ErrInvalidImageName} {
		if errors.Is(err, sentinel) {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
	if kind := classify(err); kind != nil {
		return fmt.Errorf("%s: %w: %w", doing, kind, worded{err})
	}
	return fmt.Errorf("%s: %w", doing, worded{err})
}

// undelivered is an error of the writer that output was to go to. It may be a broken connection too: the client's, not the
// engine's.
type undelivered struct{ error }

func (u undelivered) Unwrap() error { return u.error }

// worded is an error that prints only the words that a user needs.
type worded struct{ error }

func (w worded) Error() string { return words(w.error) }
func (w worded) Unwrap() error { return w.error }

// classify finds the sentinel for an error of Docker's client, or nil where a caller need not branch.
func classify(err error) error {
	switch {
	case broken(err):
		return runtime.ErrUnavailable
	case errdefs.IsNotFound(err) && missingImage(err.Error()):
		return runtime.ErrImageNotFound
	case errdefs.IsNotFound(err):
		return runtime.ErrNotFound
	case errdefs.IsConflict(err), errdefs.IsNotModified(err):
		return runtime.ErrConflict
	case strings.Contains(err.Error(), "invalid reference format"):
		return runtime.ErrInvalidImageName
	}
	return nil
}

// broken says that there was no whole answer: the engine is not there, or went away in between.
func broken(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return network || client.IsErrConnectionFailed(err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// missingImage tells a missing image from a missing container or network.
func missingImage(message string) bool {
	return strings.Contains(strings.ToLower(message), "no such image")
}

// wrappings are what engines put around the words that matter, outermost first. They differ between versions.
var wrappings = []string{
	"Error response from daemon: ",
	"failed to create task for container: ",
	"failed to create shim task: ",
	"failed to create shim: ",
	"OCI runtime create failed: ",
	"OCI runtime exec failed: ",
	"runc create failed: ",
	"exec failed: ",
	"unable to start container process: ",
	"error during container init: ",
	"Conflict. ",
}

// words are those of an error that a user needs: without the layers that it came through.
func words(err error) string {
	message := strings.TrimSpace(err.Error())
	for _, wrapping := range wrappings {
		message = strings.TrimPrefix(message, wrapping)
	}
	// "no such image: web:v1: Error response from daemon: No such image: web:v1", after "image not found: "
	if _, name, found := strings.Cut(message, "No such image: "); found {
		message = name
	}
	// "driver failed programming external connectivity on endpoint web (4f2a…): Bind for 0.0.0.0:80 failed: port is already allocated"
	if _, port, found := strings.Cut(message, "Bind for "); found {
		message = "Bind for " + port
	}
	return strings.TrimSuffix(message, ": unknown")
}

// unusable is runtime.ErrUnusable in words of its own.
type unusable string

func (u unusable) Error() string   { return string(u) }
func (u unusable) Is(e error) bool { return e == runtime.ErrUnusable }
