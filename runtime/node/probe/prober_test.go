package probe

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	clocktesting "k8s.io/utils/clock/testing"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// rig runs a Prober whose commands do what outcome says.
type rig struct {
	*Prober
	t       *testing.T
	clock   *clocktesting.FakeClock
	results chan Result
	outcome chan int // exit codes, one a try
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, clock: clocktesting.NewFakeClock(noon), results: make(chan Result, 100), outcome: make(chan int, 100)}
	r.Prober = New(Options{
		Clock: r.clock,
		Exec: func(ctx context.Context, id string, _ []string) (int, string, error) {
			if id == "slow" {
				<-ctx.Done()
				return 0, "", ctx.Err()
			}
			return <-r.outcome, "out", nil
		},
		Dial:   func(context.Context, string, string, int) (net.Conn, error) { return nil, errors.New("refused") },
		Report: func(result Result) { r.results <- result },
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

func command(kind Kind, edit func(*corev1.Probe)) Target {
	p := &corev1.Probe{PeriodSeconds: 10, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 3,
		ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"check"}}}}
	if edit != nil {
		edit(p)
	}
	return Target{ID: "id", Container: "a", Kind: kind, Probe: p, Started: noon}
}

// try has one try end with that code, which is due after wait.
func (r *rig) try(code int, wait time.Duration) Result {
	r.t.Helper()
	r.outcome <- code
	if wait > 0 {
		r.untilWaiting()
		r.clock.Step(wait)
	}
	select {
	case result := <-r.results:
		return result
	case <-time.After(10 * time.Second):
		r.t.Fatal("no try")
		return Result{}
	}
}

// untilWaiting returns when the prober sleeps until its next try.
func (r *rig) untilWaiting() {
	for deadline := time.Now().Add(10 * time.Second); !r.clock.HasWaiters(); {
		if time.Now().After(deadline) {
			r.t.Fatal("the prober does not wait")
		}
	}
}

func (r *rig) none() {
	r.t.Helper()
	select {
	case result := <-r.results:
		r.t.Fatalf("tried: %+v", result)
	default:
	}
}

func TestReadinessCountsBothWays(t *testing.T) {
	r := newRig(t)
	r.Keep("p", []Target{command(Readiness, func(p *corev1.Probe) { p.SuccessThreshold, p.FailureThreshold = 2, 2 })})
	wait := time.Duration(0)
	for i, step := range []struct {
		code           int
		passed, turned bool
	}{
		{0, true, false}, {0, true, true}, {0, true, false}, {1, false, false}, {0, true, false}, {1, false, false}, {1, false, true},
		{0, true, false}, {1, false, false}, {0, true, false}, {0, true, true},
	} {
		got := r.try(step.code, wait)
		if got.Passed != step.passed || got.Turned != step.turned {
			t.Errorf("try %d: passed %v turned %v", i, got.Passed, got.Turned)
		}
		wait = 10 * time.Second
	}
}

func TestLivenessTurnsAfterThree(t *testing.T) {
	r := newRig(t)
	target := command(Liveness, nil)
	target.Holds = true
	r.Keep("p", []Target{target})
	wait := time.Duration(0)
	for i, turned := range []bool{false, false, true, false} {
		if got := r.try(1, wait); got.Turned != turned || got.Message != "out" {
			t.Errorf("try %d: %+v", i, got)
		}
		wait = 10 * time.Second
	}
}

func TestInitialDelayCountsFromTheStart(t *testing.T) {
	r := newRig(t)
	r.Keep("p", []Target{command(Startup, func(p *corev1.Probe) { p.InitialDelaySeconds = 30 })})
	r.untilWaiting()
	r.clock.Step(29 * time.Second)
	r.none()
	if got := r.try(0, time.Second); !got.Turned {
		t.Errorf("%+v", got)
	}
	old := command(Startup, func(p *corev1.Probe) { p.InitialDelaySeconds = 30 })
	old.ID, old.Started = "old", noon.Add(-time.Hour)
	r.Keep("q", []Target{old})
	r.try(0, 0) // a container that has run for longer is tried at once
}

func TestSlowProbeDelaysNoOther(t *testing.T) {
	r := newRig(t)
	slow := command(Liveness, func(p *corev1.Probe) { p.TimeoutSeconds = 3600 })
	slow.ID = "slow"
	r.Keep("p", []Target{slow})
	r.Keep("q", []Target{command(Readiness, nil)})
	if got := r.try(0, 0); got.Target.ID != "id" {
		t.Errorf("%+v", got)
	}
}

func TestDroppedProbeIsNotTried(t *testing.T) {
	r := newRig(t)
	r.Keep("p", []Target{command(Readiness, nil)})
	r.try(0, 0)
	r.untilWaiting()
	r.Keep("p", nil)
	r.Keep("q", []Target{command(Startup, nil)})
	r.try(0, 0)
	r.outcome <- 0
	r.untilWaiting()
	r.clock.Step(time.Minute)
	if got := <-r.results; got.Pod != "q" {
		t.Errorf("%+v", got)
	}
}

func TestHTTPGet(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/away":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/ok?q=1", http.StatusFound)
		case r.URL.Path != "/ok" || r.URL.RawQuery != "q=1" || r.Host != "app" && r.URL.Path != "/ok" || !strings.HasPrefix(r.UserAgent(), "kube-probe/"):
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer server.Close()
	_, text, _ := net.SplitHostPort(server.Listener.Addr().String())
	port, _ := strconv.Atoi(text)
	dial := func(ctx context.Context, _, host string, port int) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	}
	ports := []corev1.ContainerPort{{Name: "http", ContainerPort: int32(port)}}
	for path, want := range map[string]string{
		"/ok?q=1": "", "/moved": "", "/away": "", "/bad": "HTTP probe failed with statuscode: 418",
	} {
		for _, p := range []intstr.IntOrString{intstr.FromInt32(int32(port)), intstr.FromString("http")} {
			err := HTTPGet(context.Background(), dial, "id", "127.0.0.1", &corev1.HTTPGetAction{
				Path: path, Port: p, HTTPHeaders: []corev1.HTTPHeader{{Name: "Host", Value: "app"}},
			}, ports)
			if got := message(err); got != want {
				t.Errorf("%s: %s", path, got)
			}
		}
	}
	if err := HTTPGet(context.Background(), dial, "id", "127.0.0.1", &corev1.HTTPGetAction{Port: intstr.FromString("none")}, ports); err == nil {
		t.Error("an unknown port name is no error")
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
