package main

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"coracle.dev/coracle/examples/demo/images"
	"coracle.dev/coracle/runtime"
)

// What the figures leave on the engine has names of its own, and is removed by them.
const (
	benchNode    = "coracle-bench"
	rawNode      = "coracle-bench-raw" // not the daemon's: it would remove what it has not made
	benchNetwork = "coracle-bench"
	benchCIDR    = "10.199.0.0/16"
	benchImage   = "coracle-bench:v1"
)

// docker is a client of the machine's engine, if one answers.
func (b *bench) docker(ctx context.Context) (*client.Client, error) {
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, err
	}
	if _, err := docker.Ping(ctx); err != nil {
		return nil, fmt.Errorf("no container engine answers: %w", err)
	}
	return docker, nil
}

// prepareEngine builds the image of the containers. done removes all that the figures made.
func (b *bench) prepareEngine(ctx context.Context) (done func(), err error) {
	docker, err := b.docker(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := images.Build(ctx, docker, "coracle-bench", "v1"); err != nil {
		return nil, err
	}
	return func() {
		ctx := context.WithoutCancel(ctx)
		_ = b.removeContainers(ctx)
		_ = docker.NetworkRemove(ctx, benchNetwork)
	}, nil
}

// removeContainers removes the containers of the figures' node and those that were started raw.
func (b *bench) removeContainers(ctx context.Context) error {
	docker, err := b.docker(ctx)
	if err != nil {
		return nil // no engine, no containers
	}
	for _, node := range []string{benchNode, rawNode} {
		labelled := filters.NewArgs(filters.Arg("label", runtime.LabelManaged+"="+node))
		list, err := docker.ContainerList(ctx, container.ListOptions{All: true, Filters: labelled})
		if err != nil {
			return err
		}
		for _, one := range list {
			if err := docker.ContainerRemove(ctx, one.ID, container.RemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
				return err
			}
		}
	}
	return nil
}
