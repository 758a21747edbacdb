package fleet

import (
	"context"
	"fmt"

	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"coracle.dev/coracle/examples/demo/images"
	"coracle.dev/coracle/examples/demo/repository"
)

// Docker is a client of the machine's engine.
func (m *Machine) Docker() (*client.Client, error) {
	docker, err := client.NewClientWithOpts(client.WithHost(m.EngineHost()), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("make a client of the engine of %s: %w", m.Name, err)
	}
	return docker, nil
}

// LoadWeb builds the demo's images, and gives them to all engines. It needs to run inside the module.
func (f *Fleet) LoadWeb(ctx context.Context) error {
	first, err := f.Server().Docker()
	if err != nil {
		return err
	}
	defer first.Close()
	var tags []string
	for _, version := range repository.Versions() {
		tags = append(tags, "web:"+version)
	}
	if _, err := images.Build(ctx, first, "web", repository.Versions()...); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, m := range f.Machines()[1:] {
		group.Go(func() error { return m.Load(ctx, first, tags...) })
	}
	return group.Wait()
}

// Load copies images from another engine.
func (m *Machine) Load(ctx context.Context, from *client.Client, tags ...string) error {
	to, err := m.Docker()
	if err != nil {
		return err
	}
	defer to.Close()
	archive, err := from.ImageSave(ctx, tags)
	if err != nil {
		return fmt.Errorf("read images %q: %w", tags, err)
	}
	defer archive.Close()
	answer, err := to.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err == nil {
		defer answer.Body.Close()
		err = images.ReadAnswer(answer.Body)
	}
	if err != nil {
		return fmt.Errorf("load images %q on %s: %w", tags, m.Name, err)
	}
	return nil
}
