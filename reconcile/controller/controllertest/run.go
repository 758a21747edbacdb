package controllertest

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/controller"
)

// Runner is what every controller is.
type Runner interface {
	Run(ctx context.Context, workers int) error
}

// Run makes controllers over the API and runs them until the test ends. Their events come out of the returned
// recorder, as "Normal SuccessfulCreate Created pod: x".
func Run(t *testing.T, a *API, clock clock.WithTicker, build ...func(controller.Options) Runner) *record.FakeRecorder {
	t.Helper()
	recorder := record.NewFakeRecorder(10_000)
	options := controller.Options{
		Client:    a.Client,
		Informers: informers.NewSharedInformerFactory(a.Client, 0),
		Recorder:  recorder,
		Clock:     clock,
		Logger:    zerolog.New(zerolog.NewTestWriter(t)),
	}
	var runners []Runner
	for _, each := range build {
		runners = append(runners, each(options))
	}
	ctx, stop := context.WithCancel(context.Background())
	options.Informers.StartWithContext(ctx)
	ended := make(chan error, len(runners))
	for _, runner := range runners {
		go func() { ended <- runner.Run(ctx, 2) }()
	}
	t.Cleanup(func() {
		stop()
		for range runners {
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
		options.Informers.Shutdown()
	})
	return recorder
}

// Eventually waits, up to 10 s, until ok; why describes what is still wrong.
func Eventually(t *testing.T, ok func() (done bool, why string)) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for range ticker.C {
		done, why := ok()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", why)
		}
	}
}

// Events are those recorded so far, since the last call.
func Events(recorder *record.FakeRecorder) []string {
	var events []string
	for {
		select {
		case event := <-recorder.Events:
			events = append(events, event)
		default:
			return events
		}
	}
}
