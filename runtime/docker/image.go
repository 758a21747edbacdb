package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"coracle.dev/coracle/runtime"
)

func (e *Engine) InspectImage(ctx context.Context, ref string) (runtime.Image, error) {
	var found image.InspectResponse
	err := e.do(ctx, readDeadline, "inspect image "+ref, func(ctx context.Context) (err error) {
		found, err = e.client.ImageInspect(ctx, ref)
		return err
	})
	if err != nil {
		return runtime.Image{}, err
	}
	out := runtime.Image{
		ID:          found.ID,
		Tags:        named(found.RepoTags),
		RepoDigests: named(found.RepoDigests),
		SizeBytes:   found.Size,
		Created:     when(found.Created),
		Platform:    found.Os + "/" + found.Architecture,
	}
	if found.Config != nil {
		out.User, out.Entrypoint, out.Cmd = found.Config.User, found.Config.Entrypoint, found.Config.Cmd
	}
	return out, nil
}

func (e *Engine) ListImages(ctx context.Context) ([]runtime.Image, error) {
	var found []image.Summary
	err := e.do(ctx, readDeadline, "list images", func(ctx context.Context) (err error) {
		found, err = e.client.ImageList(ctx, image.ListOptions{})
		return err
	})
	if err != nil {
		return nil, err
	}
	all := make([]runtime.Image, 0, len(found))
	for _, summary := range found {
		if _, sandbox := summary.Labels[sandboxLabel]; sandbox {
			continue
		}
		all = append(all, runtime.Image{
			ID:          summary.ID,
			Tags:        named(summary.RepoTags),
			RepoDigests: named(summary.RepoDigests),
			SizeBytes:   summary.Size,
			Created:     time.Unix(summary.Created, 0),
		})
	}
	return all, nil
}

// RemoveImage takes all its names from an image that is given by its id, and only that name from one that is given by
// name and has others. The engine itself refuses only to remove the last name of an image in use.
func (e *Engine) RemoveImage(ctx context.Context, ref string) error {
	doing := "remove image " + ref
	err := e.do(ctx, writeDeadline, doing, func(ctx context.Context) error {
		found, err := e.client.ImageInspect(ctx, ref)
		if err != nil {
			return err
		}
		if err := e.unused(ctx, found.ID); err != nil {
			return err
		}
		for _, name := range namesToRemove(ref, found) {
			if err := ignore(explain(ctx, doing, e.removeImage(ctx, name)), runtime.ErrImageNotFound); err != nil {
				return err
			}
		}
		return nil
	})
	e.digests.forget()
	return ignore(err, runtime.ErrImageNotFound)
}

// namesToRemove are those after whose removal the image, or the name that was given, is gone.
func namesToRemove(ref string, found image.InspectResponse) []string {
	names := append(named(found.RepoTags), named(found.RepoDigests)...)
	if len(names) > 0 && strings.HasPrefix(found.ID, ref) {
		return names
	}
	return []string{ref}
}

func (e *Engine) removeImage(ctx context.Context, ref string) error {
	_, err := e.client.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	return err
}

// unused returns ErrConflict if any container, ours or not, was made of the image.
func (e *Engine) unused(ctx context.Context, id string) error {
	all, err := e.client.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.ImageID == id {
			return fmt.Errorf("%w: container %s uses it", runtime.ErrConflict, short(c.ID))
		}
	}
	return nil
}

// named drops what the engine writes where an image has no name.
func named(references []string) []string {
	var names []string
	for _, reference := range references {
		if !strings.HasPrefix(reference, "<none>") {
			names = append(names, reference)
		}
	}
	return names
}

// digests remembers the repository digests of images by id: they are wanted at each inspection of a container and
// change only with a pull or a removal.
type digests struct {
	mu      sync.Mutex
	byImage map[string][]string
}

func (d *digests) get(id string) (found []string, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, known = d.byImage[id]
	return found, known
}

func (d *digests) put(id string, found []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byImage == nil {
		d.byImage = map[string][]string{}
	}
	d.byImage[id] = found
}

func (d *digests) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.byImage = nil
}

// repoDigests is empty for an image that was made here, or is gone by now.
func (e *Engine) repoDigests(ctx context.Context, id string) ([]string, error) {
	if found, known := e.digests.get(id); known {
		return found, nil
	}
	found, err := e.InspectImage(ctx, id)
	if err != nil && !errors.Is(err, runtime.ErrImageNotFound) {
		return nil, err
	}
	e.digests.put(id, found.RepoDigests)
	return found.RepoDigests, nil
}
