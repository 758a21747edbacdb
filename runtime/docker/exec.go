package docker

import (
	"context"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"k8s.io/apimachinery/pkg/util/wait"

	"coracle.dev/coracle/runtime"
)

func (e *Engine) Exec(ctx context.Context, id string, command []string, s runtime.Streams) (int, error) {
	doing := "exec in container " + short(id)
	id, err := e.own(ctx, id)
	if err != nil {
		return 0, err
	}
	var exec container.ExecCreateResponse
	err = e.do(ctx, readDeadline, doing, func(ctx context.Context) (err error) {
		exec, err = e.client.ContainerExecCreate(ctx, id, container.ExecOptions{
			Cmd:          command,
			Tty:          s.TTY,
			AttachStdin:  s.Stdin != nil,
			AttachStdout: true,
			AttachStderr: true,
		})
		return err
	})
	if err != nil {
		return 0, err
	}
	connection, err := open(ctx, func(ctx context.Context) (types.HijackedResponse, error) {
		return e.client.ContainerExecAttach(ctx, exec.ID, container.ExecAttachOptions{Tty: s.TTY})
	})
	if err != nil {
		return 0, explain(ctx, doing, err)
	}
	defer resizer(ctx, s.Resize, func(ctx context.Context, size container.ResizeOptions) error {
		return e.client.ContainerExecResize(ctx, exec.ID, size)
	})()
	failure := &failure{to: orDiscard(s.Stdout)}
	s.Stdout = failure
	if err := pump(ctx, connection, s.TTY, s); err != nil {
		return 0, explain(ctx, doing, err)
	}
	ended, err := e.ended(ctx, doing, exec.ID)
	if err != nil {
		return 0, err
	}
	if err := failure.verdict(ended.Pid != 0); err != nil {
		return ended.ExitCode, explain(ctx, doing, err)
	}
	return ended.ExitCode, nil
}

// ended waits for the end of a command: its output may end a little before.
func (e *Engine) ended(ctx context.Context, doing, execID string) (exec container.ExecInspect, err error) {
	err = wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		err := e.do(ctx, readDeadline, doing, func(ctx context.Context) (err error) {
			exec, err = e.client.ContainerExecInspect(ctx, execID)
			return err
		})
		return !exec.Running, err
	})
	if ctx.Err() != nil {
		err = explain(ctx, doing, ctx.Err())
	}
	return exec, err
}

func (e *Engine) Attach(ctx context.Context, id string, s runtime.Streams) error {
	doing := "attach to container " + short(id)
	found, err := e.running(ctx, id, doing)
	if err != nil {
		return err
	}
	connection, err := open(ctx, func(ctx context.Context) (types.HijackedResponse, error) {
		return e.client.ContainerAttach(ctx, found.ID, container.AttachOptions{
			Stream: true,
			Stdin:  s.Stdin != nil,
			Stdout: true,
			Stderr: true,
		})
	})
	if err != nil {
		return explain(ctx, doing, err)
	}
	defer resizer(ctx, s.Resize, func(ctx context.Context, size container.ResizeOptions) error {
		return e.client.ContainerResize(ctx, found.ID, size)
	})()
	// A container that ended since would keep the connection open for ever.
	if _, err := e.running(ctx, id, doing); err != nil {
		connection.Close()
		return err
	}
	return explain(ctx, doing, pump(ctx, connection, found.Config.Tty, s))
}
