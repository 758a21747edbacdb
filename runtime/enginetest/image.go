package enginetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coracle.dev/coracle/runtime"
)

var imageTests = []test{
	{name: "image", run: inspectImage},
	{name: "image in use", run: removeUsedImage},
	{name: "image that is missing", run: missingImage},
	{name: "image of sandboxes", run: hiddenSandboxImage},
	{name: "pull", run: pull},
	{name: "pull refused", run: pullRefused},
	{name: "pull that breaks off", run: pullBroken},
}

func inspectImage(t *testing.T, c contract) {
	got, err := c.InspectImage(within(t), c.Image)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(got.Tags, c.Image) || got.SizeBytes == 0 || got.Platform == "" {
		t.Errorf("got %+v, want tag %s, a size and a platform", got, c.Image)
	}
	if !cmp.Equal(got.Entrypoint, []string{"/app"}) || !cmp.Equal(got.Cmd, []string{"sleep"}) {
		t.Errorf("entrypoint %q, command %q; want /app, sleep", got.Entrypoint, got.Cmd)
	}
	byID, err := c.InspectImage(within(t), got.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, byID); diff != "" {
		t.Errorf("by id (-by reference +by id):\n%s", diff)
	}
	all, err := c.ListImages(within(t))
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(all, func(i runtime.Image) bool { return i.ID == got.ID })
	if at < 0 || !slices.Contains(all[at].Tags, c.Image) || all[at].SizeBytes != got.SizeBytes {
		t.Errorf("not listed as inspected: %+v", all)
	}
}

func removeUsedImage(t *testing.T, c contract) {
	image, err := c.InspectImage(within(t), c.Image)
	if err != nil {
		t.Fatal(err)
	}
	c.up(t, runtime.ContainerSpec{})
	for _, ref := range []string{c.Image, image.ID} {
		if err := c.RemoveImage(within(t), ref); !errors.Is(err, runtime.ErrConflict) {
			t.Errorf("remove %s: got %v, want ErrConflict", ref, err)
		}
	}
	if _, err := c.InspectImage(within(t), c.Image); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func missingImage(t *testing.T, c contract) {
	ref := c.Prefix + "-missing:1"
	if _, err := c.InspectImage(within(t), ref); !errors.Is(err, runtime.ErrImageNotFound) {
		t.Errorf("inspect: got %v, want ErrImageNotFound", err)
	}
	if err := c.RemoveImage(within(t), ref); err != nil {
		t.Errorf("remove: %v, want no error", err)
	}
}

func hiddenSandboxImage(t *testing.T, c contract) {
	id := c.create(t, runtime.ContainerSpec{Image: runtime.SandboxImage})
	sandbox := c.inspect(t, id)
	all, err := c.ListImages(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range all {
		if image.ID == sandbox.ImageID || slices.Contains(image.Tags, runtime.SandboxImage) {
			t.Errorf("listed: %+v", image)
		}
	}
}

func pull(t *testing.T, c contract) {
	for ref, auth := range map[string]*runtime.RegistryAuth{c.Pulls.Good: nil, c.Pulls.Private: c.Pulls.Auth} {
		if ref == "" {
			continue
		}
		if _, err := c.InspectImage(within(t), ref); !errors.Is(err, runtime.ErrImageNotFound) {
			t.Fatalf("before: got %v, want ErrImageNotFound", err)
		}
		var last runtime.PullProgress
		if err := c.PullImage(within(t), ref, auth, func(p runtime.PullProgress) { last = p }); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.RemoveImage(within(t), ref); err != nil {
				t.Error(err)
			}
		})
		if last.CurrentBytes != last.TotalBytes || last.Status == "" {
			t.Errorf("progress at the end %+v, want all bytes", last)
		}
		id := c.start(t, runtime.ContainerSpec{Image: ref})
		image, err := c.InspectImage(within(t), ref)
		if err != nil || len(image.RepoDigests) != 1 || !strings.Contains(image.RepoDigests[0], "@sha256:") {
			t.Errorf("digests %q, %v; want the one in its registry", image.RepoDigests, err)
		}
		if found := c.inspect(t, id); found.Image != ref || found.State != runtime.StateRunning || !cmp.Equal(found.RepoDigests, image.RepoDigests) {
			t.Errorf("a container of it: image %s, state %s, digests %q", found.Image, found.State, found.RepoDigests)
		}
		if err := c.PullImage(within(t), ref, auth, nil); err != nil {
			t.Errorf("again: %v", err)
		}
		if err := c.RemoveContainer(within(t), id); err != nil {
			t.Fatal(err)
		}
	}
}

func pullRefused(t *testing.T, c contract) {
	for ref, want := range map[string]error{
		c.Pulls.Missing:   runtime.ErrImageNotFound,
		c.Pulls.Private:   runtime.ErrImageNotFound, // without credentials
		"NOT a reference": runtime.ErrInvalidImageName,
	} {
		if ref == "" {
			continue
		}
		if err := c.PullImage(within(t), ref, nil, nil); !errors.Is(err, want) || !names(err, ref) {
			t.Errorf("%s: got %v, want %v and the reference", ref, err, want)
		}
	}
}

func pullBroken(t *testing.T, c contract) {
	if c.Pulls.Broken != "" {
		err := c.PullImage(within(t), c.Pulls.Broken, nil, nil)
		if err == nil || errors.Is(err, runtime.ErrImageNotFound) {
			t.Errorf("got %v, want an error that is worth another try", err)
		}
		if _, err := c.InspectImage(within(t), c.Pulls.Broken); !errors.Is(err, runtime.ErrImageNotFound) {
			t.Errorf("afterwards: got %v, want ErrImageNotFound", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.PullImage(ctx, c.Prefix+"-cancelled:1", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}
