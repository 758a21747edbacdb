package docker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/container"
	"k8s.io/apimachinery/pkg/util/wait"

	"coracle.dev/coracle/runtime"
)

func (e *Engine) CreateContainer(ctx context.Context, spec runtime.ContainerSpec) (string, error) {
	doing := "create container " + spec.Name
	if _, err := reference.ParseAnyReference(spec.Image); err != nil {
		return "", fmt.Errorf("%s: %w: %q: %w", doing, runtime.ErrInvalidImageName, spec.Image, err)
	}
	body, err := configure(spec, e.options)
	if err != nil {
		return "", fmt.Errorf("%s: %w", doing, err)
	}
	id, err := e.create(ctx, doing, spec.Name, body)
	if spec.Image == runtime.SandboxImage && errors.Is(err, runtime.ErrImageNotFound) {
		if err := e.loadSandboxImage(ctx); err != nil {
			return "", err
		}
		id, err = e.create(ctx, doing, spec.Name, body)
	}
	return id, err
}

func (e *Engine) create(ctx context.Context, doing, name string, body creation) (id string, err error) {
	err = e.do(ctx, writeDeadline, doing, func(ctx context.Context) error {
		created, err := e.client.ContainerCreate(ctx, body.config, body.host, body.network, nil, name)
		id = created.ID
		return err
	})
	if err == nil {
		e.owned.add(id)
	}
	return id, err
}

func (e *Engine) StartContainer(ctx context.Context, id string) error {
	id, err := e.own(ctx, id)
	if err != nil {
		return err
	}
	select {
	case e.starts <- struct{}{}:
		defer func() { <-e.starts }()
	case <-ctx.Done():
		return fmt.Errorf("start container: %w", context.Cause(ctx))
	}
	// The error names no id: it becomes an event of the Pod, and those that say the same are counted as one.
	return e.do(ctx, writeDeadline, "start container", func(ctx context.Context) error {
		return e.client.ContainerStart(ctx, id, container.StartOptions{})
	})
}

func (e *Engine) StopContainer(ctx context.Context, id string, grace time.Duration) error {
	id, err := e.own(ctx, id)
	if err != nil {
		return ignore(err, runtime.ErrNotFound)
	}
	seconds := int(math.Ceil(max(grace, 0).Seconds())) // the engine counts in whole ones
	err = e.do(ctx, writeDeadline+grace, "stop container "+short(id), func(ctx context.Context) error {
		return e.client.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds})
	})
	return ignore(err, runtime.ErrNotFound)
}

func (e *Engine) RemoveContainer(ctx context.Context, id string) error {
	id, err := e.own(ctx, id)
	if err != nil {
		return ignore(err, runtime.ErrNotFound)
	}
	doing := "remove container " + short(id)
	err = e.do(ctx, writeDeadline, doing, func(ctx context.Context) error {
		err := e.client.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && strings.Contains(err.Error(), "already in progress") {
			return e.awaitRemoval(ctx, id)
		}
		return err
	})
	if err = ignore(err, runtime.ErrNotFound); err == nil {
		e.owned.drop(id)
	}
	return err
}

// awaitRemoval returns when another caller's removal is done.
func (e *Engine) awaitRemoval(ctx context.Context, id string) error {
	return wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := e.client.ContainerInspect(ctx, id)
		return err != nil, ignore(explain(ctx, "inspect", err), runtime.ErrNotFound)
	})
}

func (e *Engine) InspectContainer(ctx context.Context, id string) (runtime.Container, error) {
	found, err := e.inspect(ctx, id)
	if err != nil {
		return runtime.Container{}, err
	}
	c := inspected(found)
	c.RepoDigests, err = e.repoDigests(ctx, c.ImageID)
	return c, err
}

// inspect finds a container by id or name. One without our label is not found.
func (e *Engine) inspect(ctx context.Context, id string) (container.InspectResponse, error) {
	var found container.InspectResponse
	doing := "inspect container " + short(id)
	err := e.do(ctx, readDeadline, doing, func(ctx context.Context) (err error) {
		found, err = e.client.ContainerInspect(ctx, id)
		return err
	})
	if errors.Is(err, runtime.ErrNotFound) {
		e.owned.drop(id)
	}
	if err != nil {
		return found, err
	}
	if found.Config.Labels[runtime.LabelManaged] != e.options.NodeName {
		return container.InspectResponse{}, fmt.Errorf("%s: %w: it does not belong to node %s", doing, runtime.ErrNotFound, e.options.NodeName)
	}
	e.owned.add(found.ID)
	return found, nil
}

// running is inspect for the calls that need a process.
func (e *Engine) running(ctx context.Context, id, doing string) (container.InspectResponse, error) {
	found, err := e.inspect(ctx, id)
	if err == nil && state(found.State.Status) != runtime.StateRunning {
		err = fmt.Errorf("%s: %w: container %s is not running", doing, runtime.ErrConflict, short(id))
	}
	return found, err
}

func (e *Engine) ListContainers(ctx context.Context) ([]runtime.Container, error) {
	var found []container.Summary
	err := e.do(ctx, readDeadline, "list containers", func(ctx context.Context) (err error) {
		found, err = e.client.ContainerList(ctx, container.ListOptions{All: true, Filters: e.ours()})
		return err
	})
	if err != nil {
		return nil, err
	}
	all, ids := make([]runtime.Container, 0, len(found)), make(map[string]bool, len(found))
	for _, summary := range found {
		all = append(all, listed(summary))
		ids[summary.ID] = true
	}
	e.owned.replace(ids)
	return all, nil
}

// ignore drops an error of that kind.
func ignore(err, kind error) error {
	if errors.Is(err, kind) {
		return nil
	}
	return err
}

// short is an id as users know it.
func short(id string) string {
	if len(id) == 64 {
		return id[:12]
	}
	return id
}
