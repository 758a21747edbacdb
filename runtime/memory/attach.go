package memory

import (
	"context"
	"fmt"
	"io"

	"coracle.dev/coracle/runtime"
)

func (e *Engine) Attach(ctx context.Context, id string, s runtime.Streams) error {
	var b *box
	var v *viewer
	var main *process
	var away, end <-chan struct{}
	c := e.about("Attach", id)
	err := e.do(ctx, c, func() (err error) {
		if b, err = e.getRunning(id); err == nil {
			v, main, away, end = b.output.view(), b.main, e.away, b.end()
		}
		return err
	})
	if err != nil {
		return err
	}
	defer b.output.unview(v)
	if main != nil {
		defer resizing(ctx, s.Resize, main)()
		if s.Stdin != nil && main.input != nil {
			go feed(main.input, s.Stdin, b.spec.StdinOnce)
		}
	}
	for {
		pieces, more := b.output.take(v)
		if err := show(pieces, false, s.Stdout, s.Stderr); err != nil {
			return fmt.Errorf("attach to container %s: %w", b.Name, err)
		}
		if closed(end) && len(pieces) == 0 {
			return nil
		}
		if more == nil { // the run has ended: show the rest
			continue
		}
		select {
		case <-more:
		case <-end:
		case <-away:
			return unavailable(c)
		case <-ctx.Done():
			return fmt.Errorf("attach to container %s: %w", b.Name, context.Cause(ctx))
		}
	}
}

// feed copies an attached stdin to the process; its end is the process's if stdin is to be attached once.
func feed(to *io.PipeWriter, from io.Reader, once bool) {
	_, _ = io.Copy(to, from)
	if once {
		_ = to.Close()
	}
}

// resizing passes terminal sizes on until stop.
func resizing(ctx context.Context, sizes <-chan runtime.TerminalSize, to *process) (stop func()) {
	if sizes == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case size, more := <-sizes:
				if !more {
					return
				}
				to.resize(size)
			}
		}
	}()
	return cancel
}
