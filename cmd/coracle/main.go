// Command coracle runs Kubernetes manifests from a Git repository on Docker hosts.
//
// Each file of this package is one verb. It is the only place that names the implementations of gitsource, of the
// container engine and of the controllers, and wires them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes of all verbs; `coracle plan` has codes of its own.
const (
	exitOK    = 0
	exitError = 1
)

func main() { os.Exit(execute()) }

func execute() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	go func() {
		<-ctx.Done()
		stop()
	}()
	return exitCode(newRoot().ExecuteContext(ctx))
}

// exit is an error that only sets the exit code: what there was to say has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func exitCode(err error) int {
	var code exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	default:
		fmt.Fprintln(os.Stderr, "coracle:", err)
		return exitError
	}
}
