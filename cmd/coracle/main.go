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
	"strconv"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

// Exit codes. Of verbs whose answer can be no (plan, status), an error is exitTrouble; of all others it is exitError.
const (
	exitOK      = 0
	exitError   = 1
	exitDiffers = 1
	exitTrouble = 2
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
	klog.SetLogger(logr.Discard()) // libraries return their errors to the verbs; serve and kubectl route their logs otherwise
	command, err := newRoot().ExecuteContextC(ctx)
	return exitCode(command, err)
}

// errorCode is the annotation of a command whose errors, those of its flags included, end in another exit code than exitError.
const errorCode = "coracle.dev/error-exit-code"

func failsWith(code int) map[string]string { return map[string]string{errorCode: strconv.Itoa(code)} }

// exit is an error that only sets the exit code: what there was to say has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func exitCode(command *cobra.Command, err error) int {
	var code exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	default:
		fmt.Fprintln(command.ErrOrStderr(), "coracle:", err)
		if special, err := strconv.Atoi(command.Annotations[errorCode]); err == nil {
			return special
		}
		return exitError
	}
}
