package docker

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"coracle.dev/coracle/runtime"
)

// kinds are the engine's actions that are worth a hint. "die" comes for every end, killed or not.
var kinds = map[events.Action]runtime.EventKind{
	events.ActionStart:   runtime.EventStarted,
	events.ActionDie:     runtime.EventExited,
	events.ActionDestroy: runtime.EventRemoved,
	events.ActionOOM:     runtime.EventOOM,
}

func (e *Engine) Events(ctx context.Context) (<-chan runtime.Event, error) {
	// The engine answers before it has subscribed: an event in between would be lost if it were not replayed.
	since := time.Now()
	options := events.ListOptions{Filters: e.ours(), Since: fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond())}
	options.Filters.Add("type", string(events.ContainerEventType))
	for action := range kinds {
		options.Filters.Add("event", string(action))
	}
	// Docker's client says late, and not always, that it could not connect; and it wants the version to be negotiated.
	if err := e.do(ctx, readDeadline, "subscribe to events", func(ctx context.Context) error {
		_, err := e.client.ServerVersion(ctx)
		return err
	}); err != nil {
		return nil, err
	}
	ctx, opened, cancel := opening(ctx)
	messages, errs := e.client.Events(ctx, options)
	opened()
	select {
	case err := <-errs:
		defer cancel()
		return nil, explain(ctx, "subscribe to events", err)
	default:
	}
	out := make(chan runtime.Event, 256)
	go func() {
		defer close(out)
		defer cancel()
		if err := forward(ctx, messages, errs, out); ctx.Err() == nil {
			e.log.Warn().Err(err).Msg("event stream of the container engine broke")
		}
	}()
	return out, nil
}

// forward copies until the stream or the context ends.
func forward(ctx context.Context, messages <-chan events.Message, errs <-chan error, out chan<- runtime.Event) error {
	for {
		select {
		case err := <-errs:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case message := <-messages:
			kind, known := kinds[message.Action]
			if !known {
				continue
			}
			select {
			case out <- hint(kind, message):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// notLabels are what the engine puts among the labels of a container's events.
var notLabels = []string{"image", "name", "exitCode", "signal", "execID", "execDuration"}

func hint(kind runtime.EventKind, m events.Message) runtime.Event {
	labels := maps.Clone(m.Actor.Attributes)
	for _, name := range notLabels {
		delete(labels, name)
	}
	return runtime.Event{Kind: kind, ID: m.Actor.ID, Labels: labels, Time: time.Unix(0, m.TimeNano)}
}

// ours matches what this node made.
func (e *Engine) ours() filters.Args {
	return filters.NewArgs(filters.Arg("label", runtime.LabelManaged+"="+e.options.NodeName))
}
