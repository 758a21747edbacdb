package images

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	demo "coracle.dev/coracle/examples/demo/images"
)

// labelRecipe is the label of an image that says by which recipe it was made.
const labelRecipe = "coracle.dev/recipe"

// Tags are those of all images.
func Tags() []string {
	var tags []string
	for _, r := range recipes() {
		tags = append(tags, r.Tag)
	}
	return tags
}

// Make makes the images exist on the engine, which must be of this machine's architecture, and returns the tags of those
// that were not there. It wants Debian's apt-get and dpkg-deb, and access to the packages, only if any is missing; apt-get
// update wants root.
func Make(ctx context.Context, docker *client.Client) (made []string, err error) {
	missing, err := missing(ctx, docker)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	engine, err := docker.ServerVersion(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the Docker Engine for its version: %w", err)
	}
	if engine.Arch != runtime.GOARCH {
		return nil, fmt.Errorf("the Docker Engine runs on %s, and this machine's packages are for %s", engine.Arch, runtime.GOARCH)
	}
	directory, err := os.MkdirTemp("", "coracle-walkthrough-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for packages: %w", err)
	}
	defer os.RemoveAll(directory)
	tree, err := unpack(ctx, directory, packages(missing))
	if err != nil {
		return nil, err
	}
	for _, r := range missing {
		if err := r.make(ctx, docker, tree); err != nil {
			return made, fmt.Errorf("make image %s: %w", r.Tag, err)
		}
		made = append(made, r.Tag)
	}
	return made, nil
}

// missing are the recipes whose image the engine does not have as they make it.
func missing(ctx context.Context, docker *client.Client) ([]recipe, error) {
	var all []recipe
	for _, r := range recipes() {
		digest, err := r.digest()
		if err != nil {
			return nil, err
		}
		found, err := docker.ImageInspect(ctx, r.Tag)
		if err != nil && !errdefs.IsNotFound(err) {
			return nil, fmt.Errorf("look for image %s: %w", r.Tag, err)
		}
		if err != nil || found.Config == nil || found.Config.Labels[labelRecipe] != digest {
			all = append(all, r)
		}
	}
	return all, nil
}

func packages(recipes []recipe) []string {
	var all []string
	for _, r := range recipes {
		all = append(all, r.Packages...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (r recipe) make(ctx context.Context, docker *client.Client, tree string) error {
	digest, err := r.digest()
	if err != nil {
		return err
	}
	content, err := pack(tree, r)
	if err != nil {
		return err
	}
	answer, err := docker.ImageImport(ctx, image.ImportSource{Source: bytes.NewReader(content), SourceName: "-"}, r.Tag,
		image.ImportOptions{Changes: append([]string{"LABEL " + labelRecipe + "=" + digest}, r.Changes...)})
	if err != nil {
		return err
	}
	defer answer.Close()
	return demo.ReadAnswer(answer)
}
