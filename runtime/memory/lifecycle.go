package memory

import (
	"context"
	"fmt"
	"time"

	"coracle.dev/coracle/runtime"
)

// killed is the exit code of a process that KILL ended: 128 and the signal's number.
const killed = 137

func (e *Engine) StartContainer(ctx context.Context, id string) error {
	return e.do(ctx, e.about("StartContainer", id), func() error {
		b, err := e.get(id)
		if err != nil || b.State == runtime.StateRunning {
			return err
		}
		if err := e.start(b); err != nil {
			b.Error = err.Error()
			return fmt.Errorf("start container %s: %w", b.Name, err)
		}
		return nil
	})
}

func (e *Engine) start(b *box) error {
	script := take(e.scripts, func(s Script) bool { return s.matches(b.Image, b.Name) })
	if script == nil {
		script = &Script{}
	}
	if command := b.command(e.images); len(command) > 0 && !script.runs(command[0]) {
		b.ExitCode = 127
		return noSuchCommand(command[0])
	}
	if err := e.join(b); err != nil {
		b.ExitCode = 128
		return err
	}
	now := e.clock.Now()
	e.pids++
	b.run++
	b.script, b.Pid, b.taken = script, e.pids, 0
	b.State, b.Started, b.Finished, b.ExitCode, b.OOMKilled, b.Error = runtime.StateRunning, now, time.Time{}, 0, false, ""
	e.emit(runtime.EventStarted, b, now)
	b.output.begin(b.TTY)
	if script.Program != nil {
		e.runMain(b)
		return nil
	}
	for _, line := range script.Logs {
		b.output.write(now, stdout, []byte(line+"\n"))
	}
	if script.ExitAfter > 0 {
		code := script.ExitCode
		if script.OOM {
			code = killed
		}
		e.later(b, script.ExitAfter, code, script.OOM)
	}
	return nil
}

func noSuchCommand(file string) error {
	return fmt.Errorf("exec: %q: no such file or directory", file)
}

// command is what the container runs; empty if neither the spec nor the image says.
func (b *box) command(images map[string]*runtime.Image) []string {
	if len(b.spec.Entrypoint) > 0 {
		return append(b.spec.Entrypoint[:len(b.spec.Entrypoint):len(b.spec.Entrypoint)], b.spec.Args...)
	}
	image := images[b.ImageID]
	if image == nil {
		return b.spec.Args
	}
	args := b.spec.Args
	if len(args) == 0 {
		args = image.Cmd
	}
	return append(image.Entrypoint[:len(image.Entrypoint):len(image.Entrypoint)], args...)
}

// exit ends the present run: the only way from running to exited.
func (e *Engine) exit(b *box, code int, oom bool, at time.Time) {
	if oom {
		e.emit(runtime.EventOOM, b, at)
	}
	e.leave(b)
	b.run++
	b.State, b.Finished, b.ExitCode, b.OOMKilled, b.Pid = runtime.StateExited, at, code, oom, 0
	if b.cancel != nil {
		b.cancel()
	}
	b.cancel, b.inside, b.main = nil, nil, nil
	b.output.end(at)
	if b.exited != nil {
		close(b.exited)
		b.exited = nil
	}
	e.emit(runtime.EventExited, b, at)
}

// end is a channel that closes with the present run.
func (b *box) end() <-chan struct{} {
	if b.exited == nil {
		b.exited = make(chan struct{})
	}
	return b.exited
}

func (e *Engine) StopContainer(ctx context.Context, id string, grace time.Duration) error {
	var end, away <-chan struct{}
	c := e.about("StopContainer", id)
	err := e.do(ctx, c, func() error {
		b := e.find(id)
		if b == nil || b.State != runtime.StateRunning {
			return nil
		}
		away = e.away
		if e.ask(b, grace); b.State == runtime.StateRunning {
			end = b.end()
		}
		return nil
	})
	if err != nil || end == nil {
		return err
	}
	select {
	case <-end:
		return nil
	case <-away:
		return unavailable(c)
	case <-ctx.Done():
		return fmt.Errorf("stop container %s: %w", id, context.Cause(ctx))
	}
}

// ask sends the stop signal and sees to the end that follows, at the latest when grace is over.
func (e *Engine) ask(b *box, grace time.Duration) {
	now := e.clock.Now()
	switch {
	case grace <= 0, b.Image == runtime.SandboxImage:
		e.exit(b, killed, false, now)
	case b.main != nil:
		b.main.signal(b.spec.StopSignal)
		e.later(b, grace, killed, false)
	case b.script.IgnoreTERM, b.script.StopDelay >= grace:
		e.later(b, grace, killed, false)
	case b.script.StopDelay > 0:
		e.later(b, b.script.StopDelay, b.script.StopCode, false)
	default:
		e.exit(b, b.script.StopCode, false, now)
	}
}
