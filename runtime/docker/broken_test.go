package docker

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coracle.dev/coracle/runtime"
)

// The tests of this file talk to engines that are away, too old, slow, or break off: servers of the test's own.

// An engine that is not there is ErrUnavailable to every call, and comes back without a new client.
func TestEngineAway(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	e, err := New(Options{Host: "unix://" + socket, NodeName: "node-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	calls := callsOf(e, "web")
	calls["info"] = func(ctx context.Context) error { _, err := e.Info(ctx); return err }
	calls["list"] = func(ctx context.Context) error { _, err := e.ListContainers(ctx); return err }
	calls["events"] = func(ctx context.Context) error { _, err := e.Events(ctx); return err }
	calls["pull"] = func(ctx context.Context) error { return e.PullImage(ctx, "web:v1", nil, nil) }
	calls["network"] = func(ctx context.Context) error {
		return e.EnsureNetwork(ctx, runtime.Network{Name: "n", Subnet: "10.200.3.0/24"})
	}
	calls["create"] = func(ctx context.Context) error {
		_, err := e.CreateContainer(ctx, runtime.ContainerSpec{Name: "web", Image: "web:v1"})
		return err
	}
	for name, call := range calls {
		if err := call(t.Context()); !errors.Is(err, runtime.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", name, err)
		}
	}
	serve(t, socket, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		_, _ = io.WriteString(w, `{"ID":"X","Architecture":"armv7l","SecurityOptions":["name=seccomp","name=rootless"]}`)
	})
	info, err := e.Info(t.Context())
	if err != nil || info.Architecture != "arm" || !info.Rootless {
		t.Errorf("back again: got %+v, %v", info, err)
	}
}

func TestInfoRefusesAnOldEngine(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	serve(t, socket, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.40")
		_, _ = io.WriteString(w, `{"ServerVersion":"19.03.9"}`)
	})
	e, err := New(Options{Host: "unix://" + socket, NodeName: "node-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Info(t.Context()); err == nil || !strings.Contains(err.Error(), "19.03.9") || !strings.Contains(err.Error(), "20.10") {
		t.Errorf("got %v, want both versions", err)
	}
}

// A start that hangs must not hold the others up for longer than it has a place, nor outlive its context.
func TestStartsAreLimited(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	serve(t, socket, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if strings.HasSuffix(r.URL.Path, "/start") {
			arrived <- struct{}{}
			<-release
		}
	})
	e, err := New(Options{Host: "unix://" + socket, NodeName: "node-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.owned.add("web")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	for range parallelStarts {
		go func() { ended <- e.StartContainer(t.Context(), "web") }()
	}
	for range parallelStarts {
		<-arrived
	}
	go func() { ended <- e.StartContainer(ctx, "web") }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("one too many: got %v, want it to wait until cancelled", err)
	}
	select {
	case <-arrived:
		t.Errorf("%d starts reached the engine", parallelStarts+1)
	default:
	}
	close(release)
	for range parallelStarts {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// The stream of events ends with the engine; the caller sees the channel close.
func TestEventsEndWithTheEngine(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	server := serve(t, socket, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if !strings.HasSuffix(r.URL.Path, "/events") {
			_, _ = io.WriteString(w, "{}")
			return
		}
		if filters := r.URL.Query().Get("filters"); !strings.Contains(filters, `"coracle.dev/node=node-1":true`) {
			t.Errorf("filters %s: want our label", filters)
		}
		_, _ = io.WriteString(w, `{"Type":"container","Action":"die","Actor":{"ID":"c1","Attributes":{"exitCode":"1","image":"web:v1","name":"web","a":"b"}},"timeNano":5}`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	e, err := New(Options{Host: "unix://" + socket, NodeName: "node-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	events, err := e.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := <-events
	if got.Kind != runtime.EventExited || got.ID != "c1" || len(got.Labels) != 1 || got.Labels["a"] != "b" || got.Time.UnixNano() != 5 {
		t.Errorf("got %+v", got)
	}
	server.CloseClientConnections()
	if _, more := <-events; more {
		t.Error("the channel is still open")
	}
}

// A request that the engine never answers ends at the deadline.
func TestDeadline(t *testing.T) {
	e, err := New(Options{NodeName: "node-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	err = e.do(t.Context(), time.Millisecond, "inspect web", func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, runtime.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, options := range map[string]Options{
		"the node's name is empty": {},
		"ssh://host":               {Host: "ssh://host", NodeName: "n"},
		"nonsense":                 {Host: "nonsense", NodeName: "n"},
	} {
		if _, err := New(options); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q in it", err, name)
		}
	}
}

// serve answers as an engine on a unix socket.
func serve(t *testing.T, socket string, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return server
}
