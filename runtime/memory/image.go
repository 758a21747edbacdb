package memory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/distribution/reference"

	"coracle.dev/coracle/runtime"
)

// PullImage brings every image that can be named, unless a Fault says otherwise.
func (e *Engine) PullImage(ctx context.Context, ref string, _ *runtime.RegistryAuth, progress func(runtime.PullProgress)) error {
	name, err := normalize(ref)
	if err != nil {
		return fmt.Errorf("pull image %s: %w", ref, err)
	}
	var image runtime.Image
	err = e.do(ctx, call{method: "PullImage", image: ref}, func() error {
		if found := e.images[name]; found != nil {
			image = *found
			return nil
		}
		image = e.addImage(runtime.Image{Tags: []string{name}, RepoDigests: []string{repository(name) + "@" + identify(name)}})
		return nil
	})
	if err == nil && progress != nil {
		progress(runtime.PullProgress{CurrentBytes: image.SizeBytes, TotalBytes: image.SizeBytes, Status: "Pull complete"})
	}
	return err
}

func (e *Engine) InspectImage(ctx context.Context, ref string) (found runtime.Image, err error) {
	err = e.do(ctx, call{method: "InspectImage", image: ref}, func() error {
		image, err := e.image(ref)
		if err == nil {
			found = copied(image)
		}
		return err
	})
	return found, err
}

// ListImages is in the order of ids.
func (e *Engine) ListImages(ctx context.Context) (all []runtime.Image, err error) {
	err = e.do(ctx, call{method: "ListImages"}, func() error {
		byID := map[string]*runtime.Image{}
		for _, image := range e.images {
			byID[image.ID] = image
		}
		for _, image := range slices.SortedFunc(maps.Values(byID), func(a, b *runtime.Image) int { return cmp.Compare(a.ID, b.ID) }) {
			partial := copied(image)
			partial.User, partial.Entrypoint, partial.Cmd, partial.Platform = "", nil, nil, ""
			all = append(all, partial)
		}
		return nil
	})
	return all, err
}

func (e *Engine) RemoveImage(ctx context.Context, ref string) error {
	return e.do(ctx, call{method: "RemoveImage", image: ref}, func() error {
		image, err := e.image(ref)
		if err != nil {
			return nil
		}
		for _, b := range e.containers {
			if b.ImageID == image.ID {
				return fmt.Errorf("remove image %s: %w: container %s uses it", ref, runtime.ErrConflict, b.Name)
			}
		}
		if ref != image.ID && len(image.Tags) > 1 { // it keeps its other names
			e.untag(ref)
			return nil
		}
		maps.DeleteFunc(e.images, func(_ string, other *runtime.Image) bool { return other == image })
		return nil
	})
}

// sandboxImage is always there.
var sandboxImage = &runtime.Image{ID: identify(runtime.SandboxImage), Tags: []string{runtime.SandboxImage}, Entrypoint: []string{"/pause"}}

// image finds one by id or reference.
func (e *Engine) image(ref string) (*runtime.Image, error) {
	if ref == runtime.SandboxImage {
		return sandboxImage, nil
	}
	if image := e.images[ref]; image != nil {
		return image, nil
	}
	name, err := normalize(ref)
	if err != nil {
		return nil, err
	}
	if image := e.images[name]; image != nil {
		return image, nil
	}
	return nil, fmt.Errorf("%w: no such image: %s", runtime.ErrImageNotFound, ref)
}

// addImage keeps an image under its id and its tags, which are taken from the images that had them.
func (e *Engine) addImage(image runtime.Image) runtime.Image {
	var names []string
	for _, tag := range image.Tags {
		if name, err := normalize(tag); err == nil {
			names = append(names, name)
		}
	}
	image.Tags = names
	if image.ID == "" {
		image.ID = identify(image.Tags[0])
	}
	if image.SizeBytes == 0 {
		image.SizeBytes = 1 << 20
	}
	if image.Created.IsZero() {
		image.Created = e.clock.Now()
	}
	if image.Platform == "" {
		image.Platform = e.info.OS + "/" + e.info.Architecture
	}
	for _, name := range names {
		e.untag(name)
		e.images[name] = &image
	}
	e.images[image.ID] = &image
	return image
}

// untag takes a name from the image that has it, if any.
func (e *Engine) untag(ref string) {
	name, err := normalize(ref)
	if image := e.images[name]; err == nil && image != nil {
		image.Tags = slices.DeleteFunc(slices.Clone(image.Tags), func(tag string) bool { return tag == name })
		delete(e.images, name)
	}
}

// normalize gives a reference the form in which an engine shows it: "web" is "web:latest".
func normalize(ref string) (string, error) {
	parsed, err := reference.ParseAnyReference(ref)
	if err != nil {
		return "", fmt.Errorf("%w: %q: %w", runtime.ErrInvalidImageName, ref, err)
	}
	if named, ok := parsed.(reference.Named); ok {
		return reference.FamiliarString(reference.TagNameOnly(named)), nil
	}
	return parsed.String(), nil
}

// repository is a normalized reference without its tag or digest.
func repository(name string) string {
	parsed, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarName(parsed)
}

func identify(name string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name))) }

func copied(image *runtime.Image) runtime.Image {
	c := *image
	c.Tags, c.RepoDigests = slices.Clone(c.Tags), slices.Clone(c.RepoDigests)
	c.Entrypoint, c.Cmd = slices.Clone(c.Entrypoint), slices.Clone(c.Cmd)
	return c
}
