package memory_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/memory"
)

// A program that is killed gets to know: its context ends, and what it reads, writes or accepts fails.
func TestProgramIsKilled(t *testing.T) {
	ended := make(chan error, 1)
	for name, program := range map[string]memory.Program{
		"context": func(ctx context.Context, _ *memory.Process) int { <-ctx.Done(); ended <- ctx.Err(); return 9 },
		"signals": func(_ context.Context, p *memory.Process) int {
			for range p.Signals {
			}
			ended <- errors.New("closed")
			return 9
		},
		"accept": func(_ context.Context, p *memory.Process) int {
			listener, err := p.Listen(":80")
			if err == nil {
				_, err = listener.Accept()
			}
			ended <- err
			return 9
		},
		"stdin": func(_ context.Context, p *memory.Process) int { _, err := io.ReadAll(p.Stdin); ended <- err; return 9 },
		"stdout": func(ctx context.Context, p *memory.Process) int {
			<-ctx.Done()
			_, err := io.WriteString(p.Stdout, "late")
			ended <- err
			return 9
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := newEngine(memory.Script{Program: program})
			id, err := e.CreateContainer(t.Context(), runtime.ContainerSpec{Name: name, Image: "web:v1", Stdin: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := e.StartContainer(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if err := e.Kill(id); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err == nil {
				t.Error("no error")
			}
			if found := inspect(t, e, id); found.ExitCode != 137 {
				t.Errorf("code %d, want 137: what it returns later does not count", found.ExitCode)
			}
		})
	}
}

// A command dies with its container, whatever it returns then.
func TestExecIsKilled(t *testing.T) {
	for range 20 { // both ends come at once
		running := make(chan struct{})
		e, _ := newEngine(memory.Script{Exec: func(ctx context.Context, _ *memory.Process) int {
			close(running)
			<-ctx.Done()
			return 0
		}})
		id := run(t, e, "web")
		codes := make(chan int)
		go func() {
			code, _ := e.Exec(t.Context(), id, []string{"wait"}, runtime.Streams{})
			codes <- code
		}()
		<-running
		if err := e.Kill(id); err != nil {
			t.Fatal(err)
		}
		if code := <-codes; code != 137 {
			t.Fatalf("code %d, want 137", code)
		}
	}
}

func TestListen(t *testing.T) {
	listening := make(chan net.Listener)
	e, _ := newEngine(memory.Script{Program: func(ctx context.Context, p *memory.Process) int {
		first, err := p.Listen("127.0.0.1:80")
		if _, again := p.Listen(":80"); err != nil || again == nil {
			return 1
		}
		listening <- first
		<-ctx.Done()
		return 0
	}})
	id := run(t, e, "web")
	listener := <-listening
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Dial(t.Context(), id, 80); err == nil {
		t.Error("a port that was closed still answers")
	}
	if err := e.Kill(id); err != nil {
		t.Fatal(err)
	}
}
