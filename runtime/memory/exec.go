package memory

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"coracle.dev/coracle/runtime"
)

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
