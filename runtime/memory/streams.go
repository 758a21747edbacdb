package memory

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
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

func (e *Engine) Exec(ctx context.Context, id string, command []string, s runtime.Streams) (code int, err error) {
	var run func() (int, error)
	c := e.about("Exec", id)
	err = e.do(ctx, c, func() error {
		b, err := e.getRunning(id)
		if err != nil {
			return err
		}
		if len(command) == 0 {
			return fmt.Errorf("exec in container %s: no command", b.Name)
		}
		if !b.script.runs(command[0]) {
			code = 127
			return noSuchCommand(command[0])
		}
		program := b.script.Exec
		if program == nil {
			program = b.script.Program
		}
		if program != nil {
			run = e.exec(ctx, c, b, program, command, s)
			return nil
		}
		if !b.script.ready(e.clock.Now().Sub(b.Started)) {
			code = 1
		}
		return nil
	})
	if err == nil && run != nil {
		return run()
	}
	return code, err
}

// exec launches a command; the returned func waits for it, without the lock.
func (e *Engine) exec(ctx context.Context, c call, b *box, program Program, command []string, s runtime.Streams) func() (int, error) {
	inside, cancel, p := e.launch(b, command)
	gate := &gate{}
	p.Stdin, p.Stdout, p.Stderr = s.Stdin, gate.to(s.Stdout, s.TTY), gate.to(s.Stderr, false)
	if s.TTY {
		p.Stderr = p.Stdout
	}
	if p.Stdin == nil {
		p.Stdin = strings.NewReader("")
	}
	away := e.away
	return func() (int, error) {
		defer cancel()
		defer gate.close()
		defer resizing(ctx, s.Resize, p.side)()
		codes := make(chan int, 1)
		go func() { codes <- program(inside, p) }()
		select {
		case code := <-codes:
			if inside.Err() != nil { // killed with its container: what it returned since counts no more
				code = killed
			}
			return code, nil
		case <-inside.Done():
			return killed, nil
		case <-away:
			return 0, unavailable(c)
		case <-ctx.Done():
			return 0, fmt.Errorf("exec in container %s: %w", b.Name, context.Cause(ctx))
		}
	}
}

// gate keeps a command that outlives its Exec from the caller's writers.
type gate struct {
	mu     sync.Mutex
	closed bool
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

func (g *gate) to(w io.Writer, tty bool) io.Writer {
	if w == nil {
		return io.Discard
	}
	return gated{g, w, tty}
}

type gated struct {
	gate *gate
	to   io.Writer
	tty  bool
}

func (g gated) Write(p []byte) (int, error) {
	g.gate.mu.Lock()
	defer g.gate.mu.Unlock()
	if g.gate.closed {
		return 0, io.ErrClosedPipe
	}
	text := p
	if g.tty {
		text = []byte(strings.ReplaceAll(string(p), "\n", "\r\n"))
	}
	if _, err := g.to.Write(text); err != nil {
		return 0, err
	}
	return len(p), nil
}
