package enginetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coracle.dev/coracle/runtime"
)

var eventTests = []test{
	{name: "events", run: events},
	{name: "events end with their context", run: eventsEnd},
}

func events(t *testing.T, c contract) {
	stream, err := c.Events(within(t))
	if err != nil {
		t.Fatal(err)
	}
	id := c.start(t, runtime.ContainerSpec{Args: []string{"exit", "0"}, Labels: map[string]string{"a": "b"}})
	c.exited(t, id)
	if err := c.RemoveContainer(within(t), id); err != nil {
		t.Fatal(err)
	}
	var got []runtime.EventKind
	for len(got) < 3 {
		select {
		case event, more := <-stream:
			if !more {
				t.Fatalf("the stream ended after %v", got)
			}
			if event.ID != id {
				continue
			}
			got = append(got, event.Kind)
			if want := map[string]string{"a": "b", runtime.LabelManaged: c.NodeName}; !cmp.Equal(want, event.Labels) {
				t.Errorf("%s: labels %v, want %v", event.Kind, event.Labels, want)
			}
			if age := time.Since(event.Time); age < -time.Second || age > patience {
				t.Errorf("%s: %v ago, want now", event.Kind, age)
			}
		case <-time.After(patience):
			t.Fatalf("got only %v", got)
		}
	}
	if want := []runtime.EventKind{runtime.EventStarted, runtime.EventExited, runtime.EventRemoved}; !cmp.Equal(want, got) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func eventsEnd(t *testing.T, c contract) {
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := c.Events(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	deadline := time.After(patience)
	for {
		select {
		case _, more := <-stream:
			if !more {
				return
			}
		case <-deadline:
			t.Fatal("the channel was not closed")
		}
	}
}
