package controller

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

// runLoop runs a loop over one ConfigMap a name, until the test ends.
func runLoop(t *testing.T, options Options, reconcile Reconcile[cache.ObjectName], names ...string) {
	t.Helper()
	client := fake.NewClientset()
	for _, name := range names {
		if err := client.Tracker().Add(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	options.Informers = informers.NewSharedInformerFactory(client, 0)
	loop := NewLoop("test", options, reconcile)
	loop.Watch(options.Informers.Core().V1().ConfigMaps().Informer(), On(func(c *corev1.ConfigMap) { loop.Add(KeyOf(c)) }))

	ctx, stop := context.WithCancel(context.Background())
	options.Informers.StartWithContext(ctx)
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx, 2) }()
	t.Cleanup(func() {
		stop()
		if err := receive(t, ended); err != nil {
			t.Errorf("Run: %v", err)
		}
		options.Informers.Shutdown()
	})
}

func receive[T any](t *testing.T, channel <-chan T) T {
	t.Helper()
	select {
	case value := <-channel:
		return value
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came within 10 s")
		panic("unreachable")
	}
}

func TestLoopReconcilesWhatExistsAndRetriesErrorsAndPanics(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	calls := map[string]int{}
	done := make(chan string, 10)
	runLoop(t, Options{Clock: clock.RealClock{}, Logger: zerolog.New(zerolog.SyncWriter(&log))},
		func(_ context.Context, key cache.ObjectName) (time.Duration, error) {
			mu.Lock()
			calls[key.Name]++
			call := calls[key.Name]
			mu.Unlock()
			switch {
			case key.Name == "fails" && call < 3:
				return 0, errors.New("not yet")
			case key.Name == "panics" && call < 2:
				panic("boom")
			}
			done <- key.String()
			return 0, nil
		}, "works", "fails", "panics")

	got := map[string]bool{receive(t, done): true, receive(t, done): true, receive(t, done): true}
	want := map[string]bool{"ns/works": true, "ns/fails": true, "ns/panics": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reconciled (-want +got):\n%s", diff)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(map[string]int{"works": 1, "fails": 3, "panics": 2}, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	for _, part := range []string{`"error":"not yet"`, `"error":"panic: boom"`, `loop_test.go`, `"key":"ns/fails"`} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("log lacks %s:\n%s", part, &log)
		}
	}
}

func TestLoopCallsAgainWhenAsked(t *testing.T) {
	fakeClock := clocktesting.NewFakeClock(time.Unix(0, 0))
	times := make(chan time.Time, 10)
	runLoop(t, Options{Clock: fakeClock, Logger: zerolog.Nop()},
		func(context.Context, cache.ObjectName) (time.Duration, error) {
			times <- fakeClock.Now()
			return time.Hour, nil
		}, "sleeper")

	if at := receive(t, times); !at.Equal(time.Unix(0, 0)) {
		t.Fatalf("first call at %v", at)
	}
	// The wait reaches the queue after Reconcile has returned, so the clock is moved until it does.
	deadline := time.After(10 * time.Second)
	for {
		fakeClock.Step(10 * time.Minute)
		select {
		case at := <-times:
			if at.Before(time.Unix(3600, 0)) {
				t.Errorf("second call after %v, want an hour at least", at.Sub(time.Unix(0, 0)))
			}
			return
		case <-deadline:
			t.Fatal("never called again")
		default:
		}
	}
}

func TestLoopNeverReconcilesOneKeyTwiceAtOnce(t *testing.T) {
	var mu sync.Mutex
	running, calls := 0, 0
	done := make(chan bool, 1)
	runLoop(t, Options{Clock: clock.RealClock{}, Logger: zerolog.Nop()},
		func(context.Context, cache.ObjectName) (time.Duration, error) {
			mu.Lock()
			defer mu.Unlock()
			if running++; running > 1 {
				t.Error("two at once")
			}
			mu.Unlock()
			mu.Lock()
			running--
			if calls++; calls == 50 {
				done <- true
			}
			return time.Nanosecond, nil
		}, "one")
	receive(t, done)
}
