package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"github.com/spf13/cobra"

	"coracle.dev/coracle/runtime"
)

func newCleanCommand() *cobra.Command {
	var dir, node, network string
	command := &cobra.Command{
		Use:   "clean",
		Short: "Remove the demo's containers, network and directory, and nothing else",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return clean(command.Context(), command.OutOrStdout(), dir, node, network)
		},
	}
	command.Flags().StringVar(&dir, "dir", ".run", "directory of all that the demo keeps; \"\" removes none")
	command.Flags().StringVar(&node, "node", nodeName, "the node whose containers go")
	command.Flags().StringVar(&network, "network", networkName, "the network of its Pods")
	return command
}

func clean(ctx context.Context, out io.Writer, dir, node, network string) error {
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return fmt.Errorf("make a Docker client: %w", err)
	}
	defer docker.Close()
	mine := filters.NewArgs(filters.Arg("label", runtime.LabelManaged+"="+node))
	containers, err := docker.ContainerList(ctx, container.ListOptions{All: true, Filters: mine})
	if err != nil {
		return fmt.Errorf("list the demo's containers: %w", err)
	}
	var failed []error
	for _, c := range containers {
		if err := docker.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil && !errdefs.IsNotFound(err) {
			failed = append(failed, fmt.Errorf("remove container %.12s: %w", c.ID, err))
		}
	}
	if err := docker.NetworkRemove(ctx, network); err != nil && !errdefs.IsNotFound(err) {
		failed = append(failed, fmt.Errorf("remove network %s: %w", network, err))
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if dir != "" {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove the demo's directory: %w", err)
		}
	}
	fmt.Fprintf(out, "removed %d containers of node %s, its network and %s\n", len(containers), node, dir)
	return nil
}
