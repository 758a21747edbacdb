package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"coracle.dev/coracle/examples/demo/repository"
	"coracle.dev/coracle/examples/fleet"
)

func newUp(dir *string) *cobra.Command {
	var options fleet.Options
	command := &cobra.Command{Use: "up", Short: "Bring up the fleet: a server, and the nodes that join it", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			options.Dir = *dir
			return up(command.Context(), command.OutOrStdout(), options)
		}}
	command.Flags().StringVar(&options.Coracle, "coracle", "bin/coracle", "the `program`")
	return command
}

// repositoryName is that of the repository which the fleet runs, on the server's disk.
const repositoryName = "shop.git"

func up(ctx context.Context, out io.Writer, options fleet.Options) (err error) {
	if err := fleet.Check(); err != nil {
		return err
	}
	unlock, err := lock(options.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	began := time.Now()
	// Looking for commits each second shows a push at once.
	options.Serve = []string{"--repo", filepath.Join("/var/lib", repositoryName), "--poll", "@every 1s"}
	f, err := fleet.New(options)
	if errors.Is(err, fleet.ErrUp) {
		fmt.Fprintln(out, "the fleet is up already; `make fleet-down` removes it")
		return advise(out, f)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, fleet.Down(options.Dir))
		}
	}()
	fmt.Fprintln(out, "bringing up three machines, each with a Docker Engine ...")
	if err := f.Up(ctx); err != nil {
		return err
	}
	// Last, so that all nodes are there to run it.
	if _, err := repository.Create(filepath.Join(f.Disk(f.Server().Name), repositoryName), "v3", time.Now()); err != nil {
		return err
	}
	fmt.Fprintf(out, "up after %s\n", time.Since(began).Round(100*time.Millisecond))
	return advise(out, f)
}

func advise(out io.Writer, f *fleet.Fleet) error {
	if err := status(out, f); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, `
    export KUBECONFIG=%[1]s

Three things to try:

  1. See what runs where:
     kubectl get nodes -o wide; kubectl get pods -o wide
  2. Take the power from a machine, see its Pods leave, and give it back:
     bin/fleet off raspi003; kubectl get nodes,pods -o wide --watch
     bin/fleet on raspi003
  3. Push another version of web:
     git clone %[2]s shop && cd shop && sed -i s/web:v3/web:v1/ web.yaml && git commit -qam "web: v1" && git push -q
     kubectl rollout status deployment/web; kubectl rollout history deployment/web

Without a kubectl, use: bin/fleet exec raspi001 coracle kubectl ...
`, f.Kubeconfig(), filepath.Join(f.Disk(f.Server().Name), repositoryName))
	return err
}
