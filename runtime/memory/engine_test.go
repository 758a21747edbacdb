package memory_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testingclock "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/memory"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newEngine(scripts ...memory.Script) (*memory.Engine, *testingclock.FakeClock) {
	clock := testingclock.NewFakeClock(start)
	return memory.New(memory.Options{Clock: clock, NodeName: "node-1", Images: []string{"web:v1"}, Scripts: scripts}), clock
}

func run(t testing.TB, e *memory.Engine, name string) string {
	t.Helper()
	id, err := e.CreateContainer(t.Context(), runtime.ContainerSpec{Name: name, Image: "web:v1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return id
}

func inspect(t testing.TB, e *memory.Engine, id string) runtime.Container {
	t.Helper()
	found, err := e.InspectContainer(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The end comes at its time even if nobody looked for long after.
func TestScriptedExit(t *testing.T) {
	e, clock := newEngine(memory.Script{Container: "job*", ExitAfter: 3 * time.Second, ExitCode: 4, Logs: []string{"begun"}})
	job, server := run(t, e, "job-1"), run(t, e, "server")
	clock.Step(2 * time.Second)
	if found := inspect(t, e, job); found.State != runtime.StateRunning {
		t.Errorf("after 2 s: %s, want running", found.State)
	}
	clock.Step(time.Hour)
	found := inspect(t, e, job)
	if found.State != runtime.StateExited || found.ExitCode != 4 || !found.Finished.Equal(start.Add(3*time.Second)) {
		t.Errorf("got %s with %d at %s, want exited with 4 after 3 s", found.State, found.ExitCode, found.Finished)
	}
	if found := inspect(t, e, server); found.State != runtime.StateRunning {
		t.Errorf("the other: %s, want running", found.State)
	}
	var log strings.Builder
	if err := e.Logs(t.Context(), job, runtime.LogOptions{Timestamps: true}, &log, nil); err != nil || log.String() != "2026-01-02T03:04:05Z begun\n" {
		t.Errorf("log %q, %v", log.String(), err)
	}
}

// Events of what happens by itself come when the clock moves, without a call.
func TestScriptedExitIsAnEvent(t *testing.T) {
	e, clock := newEngine(memory.Script{ExitAfter: time.Second, OOM: true})
	events, err := e.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := run(t, e, "web")
	clock.Step(time.Second)
	labels := map[string]string{runtime.LabelManaged: "node-1"}
	for _, want := range []runtime.Event{
		{Kind: runtime.EventStarted, ID: id, Labels: labels, Time: start},
		{Kind: runtime.EventOOM, ID: id, Labels: labels, Time: start.Add(time.Second)},
		{Kind: runtime.EventExited, ID: id, Labels: labels, Time: start.Add(time.Second)},
	} {
		if diff := cmp.Diff(want, <-events); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if found := inspect(t, e, id); !found.OOMKilled || found.ExitCode != 137 {
		t.Errorf("got %+v, want it OOM killed", found)
	}
}

// A run that was ended otherwise must not end the next one at its time.
func TestExitOfAnOldRun(t *testing.T) {
	e, clock := newEngine(memory.Script{ExitAfter: 10 * time.Second, Times: 1})
	id := run(t, e, "web")
	if err := e.Kill(id); err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	clock.Step(time.Minute)
	if found := inspect(t, e, id); found.State != runtime.StateRunning {
		t.Errorf("state %s, want running", found.State)
	}
}

func TestScriptedFlapping(t *testing.T) {
	e, clock := newEngine(memory.Script{Times: 2, ExitAfter: time.Second, ExitCode: 1}, memory.Script{})
	id := run(t, e, "web")
	for range 2 {
		clock.Step(time.Second)
		if found := inspect(t, e, id); found.ExitCode != 1 {
			t.Fatalf("got %s with %d, want exited with 1", found.State, found.ExitCode)
		}
		if err := e.StartContainer(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	clock.Step(time.Hour)
	if found := inspect(t, e, id); found.State != runtime.StateRunning {
		t.Errorf("the third time: %s, want running", found.State)
	}
}

func TestScriptedStop(t *testing.T) {
	for _, test := range []struct {
		name   string
		script memory.Script
		grace  time.Duration
		takes  time.Duration
		code   int
	}{
		{"at once", memory.Script{StopCode: 143}, 30 * time.Second, 0, 143},
		{"slowly", memory.Script{StopDelay: 5 * time.Second}, 30 * time.Second, 5 * time.Second, 0},
		{"too slowly", memory.Script{StopDelay: 50 * time.Second}, 30 * time.Second, 30 * time.Second, 137},
		{"only by force", memory.Script{IgnoreTERM: true}, 30 * time.Second, 30 * time.Second, 137},
		{"without grace", memory.Script{StopDelay: 5 * time.Second}, 0, 0, 137},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, clock := newEngine(test.script)
			id := run(t, e, "web")
			stopped := make(chan error)
			go func() { stopped <- e.StopContainer(t.Context(), id, test.grace) }()
			if test.takes > 0 {
				for !clock.HasWaiters() { // until the stop has been asked for
					inspect(t, e, id)
				}
				clock.Step(test.takes - 1)
				if found := inspect(t, e, id); found.State != runtime.StateRunning {
					t.Errorf("just before: %s, want running", found.State)
				}
				clock.Step(1)
			}
			if err := <-stopped; err != nil {
				t.Fatal(err)
			}
			if found := inspect(t, e, id); found.ExitCode != test.code || found.Finished.Sub(start) != test.takes {
				t.Errorf("code %d after %s, want %d after %s", found.ExitCode, found.Finished.Sub(start), test.code, test.takes)
			}
		})
	}
}

// What probes see: HTTP over Dial, and Exec.
func TestScriptedReadiness(t *testing.T) {
	e, clock := newEngine(memory.Script{ReadyAfter: 2 * time.Second, UnreadyAfter: 4 * time.Second})
	id := run(t, e, "web")
	for second, ready := range []bool{false, false, true, true, false} {
		code, err := e.Exec(t.Context(), id, []string{"check"}, runtime.Streams{})
		if err != nil || (code == 0) != ready {
			t.Errorf("after %d s: exec gives %d, %v; want ready %t", second, code, err, ready)
		}
		connection, err := e.Dial(t.Context(), id, 8080)
		if (err == nil) != ready || (!ready && !errors.Is(err, syscall.ECONNREFUSED)) {
			t.Errorf("after %d s: dial gives %v; want ready %t", second, err, ready)
		}
		if err == nil {
			_ = connection.Close()
		}
		clock.Step(time.Second)
	}
}

func TestHandler(t *testing.T) {
	e, _ := newEngine(memory.Script{Container: "teapot", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, r.URL.Path)
	})})
	for name, want := range map[string]string{"teapot": "418 /healthz", "web": "200 web\n"} {
		connection, err := e.Dial(t.Context(), run(t, e, name), 80)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(connection)
		for range 2 { // on one connection
			if _, err := io.WriteString(connection, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(response.Body)
			if got := response.Status[:3] + " " + string(body); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		_ = connection.Close()
	}
}

// The same calls give the same ids.
func TestDeterminism(t *testing.T) {
	list := func() []runtime.Container {
		e, _ := newEngine()
		for _, name := range []string{"c", "a", "b"} {
			run(t, e, name)
		}
		all, err := e.ListContainers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	first := list()
	if diff := cmp.Diff(first, list()); diff != "" {
		t.Error(diff)
	}
	if first[0].Name != "c" || len(first[0].ID) != 64 {
		t.Errorf("first is %s with id %s, want c with one of 64 digits", first[0].Name, first[0].ID)
	}
}

// A subscriber that does not read is cut off; it does not hold up the engine.
func TestSlowSubscriber(t *testing.T) {
	e, _ := newEngine()
	events, err := e.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := run(t, e, "web")
	for range 5000 {
		if err := e.StartContainer(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := e.Kill(id); err != nil {
			t.Fatal(err)
		}
	}
	got := 0
	for range events {
		got++
	}
	if got == 0 {
		t.Error("no events before the cut")
	}
}
