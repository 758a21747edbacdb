package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"coracle.dev/coracle/examples/demo/live"
	"coracle.dev/coracle/examples/demo/machine"
)

// Where the demo keeps all that is its own, below its directory.
const (
	bareName    = "shop.git" // what coracle reads
	cloneName   = "shop"     // what people push from
	dataName    = "data"     // coracle's
	logName     = "coracle.log"
	dockerdName = "dockerd.log"
)

// The demo's own node and network, so that it disturbs no other coracle on the same engine.
const (
	nodeName    = "demo"
	networkName = "coracle-demo"
	podCIDR     = "10.231.0.0/16"
)

var programs = []machine.Program{{Name: "git", Package: "git"}}

func newRunCommand() *cobra.Command {
	var dir, binary string
	command := &cobra.Command{
		Use:   "run",
		Short: "Run the demo: all its set-up, coracle on the repository, and what to try",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return run(command.Context(), command.OutOrStdout(), dir, binary)
		},
	}
	command.Flags().StringVar(&dir, "dir", ".run", "directory of all that the demo keeps")
	command.Flags().StringVar(&binary, "coracle", "bin/coracle", "the program")
	return command
}

// run goes on where the last run in the same directory stopped.
func run(ctx context.Context, out io.Writer, dir, binary string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the demo's directory: %w", err)
	}
	if err := machine.Ready(ctx, out, filepath.Join(dir, dockerdName), programs); err != nil {
		return err
	}
	if err := buildImages(ctx, out, "", "web"); err != nil {
		return err
	}
	if err := makeRepository(out, filepath.Join(dir, bareName), "v3", time.Now()); err != nil {
		return err
	}
	if err := clone(ctx, dir); err != nil {
		return err
	}
	d, err := startDaemon(ctx, out, dir, binary)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	settled := make(chan struct{})
	group.Go(func() error { return d.wait(ctx) })
	group.Go(func() error { return live.Watch(ctx, d.config, out, settled) })
	group.Go(func() error {
		select {
		case <-settled:
			return advise(out, dir, binary)
		case <-ctx.Done():
			return nil
		}
	})
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Fprint(out, "\ncoracle has stopped; its containers go on running. `make run` goes on from here, `make clean-demo` removes all of it.\n")
	return nil
}
