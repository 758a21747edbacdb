package memory

import (
	"context"
	"fmt"
	"io"
	"time"

	"coracle.dev/coracle/runtime"
)

func (e *Engine) Logs(ctx context.Context, id string, options runtime.LogOptions, out, err io.Writer) error {
	var b *box
	var away <-chan struct{}
	c := e.about("Logs", id)
	failed := e.do(ctx, c, func() (err error) {
		away = e.away
		b, err = e.get(id)
		return err
	})
	if failed != nil {
		return failed
	}
	tail := int64(-1)
	if options.Tail != nil {
		tail = *options.Tail
	}
	number := b.output.first(options.Since, tail)
	for {
		lines, next, more := b.output.from(number)
		if err := show(lines, options.Timestamps, out, err); err != nil {
			return fmt.Errorf("read log of container %s: %w", b.Name, err)
		}
		number = next
		if more == nil || !options.Follow || b.neverRan(e) {
			return nil
		}
		select {
		case <-more:
		case <-away:
			return unavailable(c)
		case <-ctx.Done():
			return fmt.Errorf("read log of container %s: %w", b.Name, context.Cause(ctx))
		}
	}
}

func (b *box) neverRan(e *Engine) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return b.State == runtime.StateCreated
}

func show(lines []line, timestamps bool, out, err io.Writer) error {
	for _, l := range lines {
		to, text := out, l.text
		if l.from == stderr {
			to = err
		}
		if to == nil {
			continue
		}
		if timestamps {
			text = append([]byte(l.at.UTC().Format(time.RFC3339Nano)+" "), text...)
		}
		if _, err := to.Write(text); err != nil {
			return err
		}
	}
	return nil
}
