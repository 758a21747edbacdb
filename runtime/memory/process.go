package memory

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"coracle.dev/coracle/runtime"
)

// Program is a process written in Go. ctx ends when it is killed: from then on its streams and sockets fail, and
// what it returns no longer counts. What it returns before is its exit code.
type Program func(ctx context.Context, p *Process) int

// Process is what a program sees of the container that it runs in.
type Process struct {
	// Command is the container's entrypoint and arguments, or the command of an exec.
	Command  []string
	Env      []string
	Dir      string
	Hostname string
	ID       string // of the container

	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Signals delivers the stop signal, as "TERM". It is closed when the process is killed.
	Signals <-chan string

	engine *Engine
	box    *box
	run    int
	side   *process
}

// process is the engine's side of a Process.
type process struct {
	mu       sync.Mutex
	signals  chan string
	killed   bool
	terminal runtime.TerminalSize
	input    *io.PipeWriter // to the main process; nil: it has no stdin
}

// launch prepares a process that ends with the container's present run, or with the returned cancel.
func (e *Engine) launch(b *box, command []string) (context.Context, context.CancelFunc, *Process) {
	if b.inside == nil {
		b.inside, b.cancel = context.WithCancel(context.Background())
	}
	ctx, cancel := context.WithCancel(b.inside)
	side := &process{signals: make(chan string, 8)}
	context.AfterFunc(ctx, side.kill)
	return ctx, cancel, &Process{
		Command: command, Env: b.spec.Env, Dir: b.spec.WorkingDir, Hostname: b.spec.Hostname, ID: b.ID,
		Signals: side.signals, engine: e, box: b, run: b.run, side: side,
	}
}

// runMain starts the program of a container that has one.
func (e *Engine) runMain(b *box) {
	ctx, cancel, p := e.launch(b, b.command(e.images))
	b.main = p.side
	p.Stdin = strings.NewReader("")
	if b.spec.Stdin {
		in, out := io.Pipe()
		p.Stdin, p.side.input = in, out
		context.AfterFunc(ctx, func() { in.CloseWithError(io.ErrClosedPipe) })
	}
	p.Stdout = writer{e, b, b.run, stdout}
	p.Stderr = writer{e, b, b.run, stderr}
	program, run := b.script.Program, b.run
	go func() {
		defer cancel()
		code := program(ctx, p)
		e.mu.Lock()
		defer e.mu.Unlock()
		if b.run == run {
			e.exit(b, code, false, e.clock.Now())
		}
	}()
}

// signal delivers a signal, unless many wait already.
func (p *process) signal(name string) {
	if name = strings.TrimPrefix(name, "SIG"); name == "" {
		name = "TERM"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return
	}
	select {
	case p.signals <- name:
	default:
	}
}

func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.killed {
		p.killed = true
		close(p.signals)
	}
}

func (p *process) resize(size runtime.TerminalSize) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.terminal = size
}

// Terminal is the present size of the process's terminal; zero where it has none.
func (p *Process) Terminal() runtime.TerminalSize {
	p.side.mu.Lock()
	defer p.side.mu.Unlock()
	return p.side.terminal
}

// Listen opens a port in the container's network, as "127.0.0.1:80" or ":80".
func (p *Process) Listen(address string) (net.Listener, error) {
	_, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(service)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	switch {
	case p.box.run != p.run:
		return nil, fmt.Errorf("listen on %s: %w", address, net.ErrClosed)
	case p.box.space.listeners[port] != nil:
		return nil, fmt.Errorf("listen on %s: %w", address, syscall.EADDRINUSE)
	}
	return p.box.space.listen(p.engine, p.box, port), nil
}

// Dial connects to a port of another container by its address, or of this one by 127.0.0.1.
func (p *Process) Dial(address string) (net.Conn, error) { return p.engine.reach(p.box, address) }

// Allocate takes memory, which Stats shows. More than the container's limit kills it, as the kernel does.
func (p *Process) Allocate(bytes int) {
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	if p.box.run != p.run {
		return
	}
	p.box.taken += int64(bytes)
	if limit := p.box.spec.Resources.MemoryLimitBytes; limit > 0 && p.box.taken > limit {
		p.engine.exit(p.box, killed, true, p.engine.clock.Now())
	}
}

// Namespace identifies the namespace of a kind, "net" or "ipc", that the process is in: equal where it is shared.
func (p *Process) Namespace(kind string) string {
	owner := p.box.spec.Network.From
	if kind == "ipc" {
		owner = p.box.spec.IPCFrom
	}
	if owner == "" {
		owner = p.ID
	}
	return kind + ":[" + owner + "]"
}
