package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/containerd/errdefs"

	"coracle.dev/coracle/runtime"
)

func TestExplain(t *testing.T) {
	for _, test := range []struct {
		err  error
		kind error
		text string
	}{
		{fmt.Errorf("Error response from daemon: No such container: web%w", silent{errdefs.ErrNotFound}),
			runtime.ErrNotFound, "start web: not found: No such container: web"},
		{fmt.Errorf("no such image: web:v1: Error response from daemon: No such image: web:v1%w", silent{errdefs.ErrNotFound}),
			runtime.ErrImageNotFound, "start web: image not found: web:v1"},
		{fmt.Errorf(`Error response from daemon: Conflict. The container name "/web" is already in use%w`, silent{errdefs.ErrConflict}),
			runtime.ErrConflict, `start web: conflict: The container name "/web" is already in use`},
		{errors.New(`Error response from daemon: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/nope": stat /nope: no such file or directory: unknown`),
			nil, `start web: exec: "/nope": stat /nope: no such file or directory`},
		{errors.New("Error response from daemon: driver failed programming external connectivity on endpoint web (7ffa03): Bind for 0.0.0.0:80 failed: port is already allocated"),
			nil, "start web: Bind for 0.0.0.0:80 failed: port is already allocated"},
		{errors.New("invalid reference format"), runtime.ErrInvalidImageName, "start web: invalid image name: invalid reference format"},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), runtime.ErrUnavailable, "start web: container engine unavailable: read: unexpected EOF"},
		{runtime.ErrConflict, runtime.ErrConflict, "start web: conflict"},
	} {
		got := explain(t.Context(), "start web", test.err)
		if got.Error() != test.text {
			t.Errorf("got  %q\nwant %q", got, test.text)
		}
		if !errors.Is(got, test.err) {
			t.Errorf("%q: the cause is lost", got)
		}
		if test.kind != nil && !errors.Is(got, test.kind) {
			t.Errorf("%q is not %q", got, test.kind)
		}
	}
	if explain(t.Context(), "start web", nil) != nil {
		t.Error("no error became one")
	}
}

// silent has a kind and no text, as errors of Docker's client do.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }

func TestExplainEndOfContext(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if got := explain(cancelled, "start web", errors.New("broken pipe")); !errors.Is(got, context.Canceled) {
		t.Errorf("cancelled: got %v", got)
	}
	late, cancel := context.WithTimeoutCause(t.Context(), time.Nanosecond, slow{time.Minute})
	defer cancel()
	<-late.Done()
	got := explain(late, "start web", late.Err())
	if !errors.Is(got, runtime.ErrUnavailable) || got.Error() != "start web: container engine unavailable: no answer within 1m0s" {
		t.Errorf("late: got %v", got)
	}
}
