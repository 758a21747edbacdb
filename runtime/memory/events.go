package memory

import (
	"context"
	"time"

	"coracle.dev/coracle/runtime"
)

// backlog is how many events a subscriber may be behind before it is cut off: Docker's figure. It is set aside for each
// subscriber, and a fleet that is simulated has thousands.
const backlog = 1024

type subscription struct{ events chan runtime.Event }

func (e *Engine) Events(ctx context.Context) (<-chan runtime.Event, error) {
	s := &subscription{make(chan runtime.Event, backlog)}
	err := e.do(ctx, call{method: "Events"}, func() error {
		e.events[s] = struct{}{}
		return nil
	})
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.unsubscribe(s)
	})
	return s.events, nil
}

// unsubscribe closes the channel, once.
func (e *Engine) unsubscribe(s *subscription) {
	if _, there := e.events[s]; there {
		delete(e.events, s)
		close(s.events)
	}
}

func (e *Engine) emit(kind runtime.EventKind, b *box, at time.Time) {
	for s := range e.events {
		select {
		case s.events <- runtime.Event{Kind: kind, ID: b.ID, Labels: b.Labels, Time: at}:
		default:
			e.unsubscribe(s)
		}
	}
}
