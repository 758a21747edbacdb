package images

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"
)

// Build makes the images repository:v for each version ("v1") exist on the engine, built for its architecture from the
// package coracle.dev/coracle/examples/web. It runs the program go in the present directory, which must be inside the
// module. It returns the tags that it had to load; the others were there.
func Build(ctx context.Context, docker *client.Client, repository string, versions ...string) (loaded []string, err error) {
	engine, err := docker.ServerVersion(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the Docker Engine for its version: %w", err)
	}
	binary, err := compile(ctx, engine.Arch)
	if err != nil {
		return nil, err
	}
	return load(ctx, docker, binary, engine.Arch, repository, versions)
}

func load(ctx context.Context, docker *client.Client, binary []byte, architecture, repository string, versions []string) ([]string, error) {
	_, ids, err := archive(binary, architecture, repository, versions)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, version := range versions {
		tag := repository + ":" + version
		found, err := docker.ImageInspect(ctx, tag)
		if err != nil && !errdefs.IsNotFound(err) {
			return nil, fmt.Errorf("look for image %s: %w", tag, err)
		}
		if err != nil || found.ID != ids[tag] {
			missing = append(missing, version)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	content, _, err := archive(binary, architecture, repository, missing)
	if err != nil {
		return nil, err
	}
	if err := send(ctx, docker, content); err != nil {
		return nil, fmt.Errorf("load images %s: %w", strings.Join(missing, ", "), err)
	}
	tags := make([]string, len(missing))
	for i, version := range missing {
		tags[i] = repository + ":" + version
	}
	return tags, nil
}

// send loads an archive.
func send(ctx context.Context, docker *client.Client, content []byte) error {
	answer, err := docker.ImageLoad(ctx, bytes.NewReader(content), client.ImageLoadWithQuiet(true))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return ReadAnswer(answer.Body)
}

// ReadAnswer reads what an engine answers to loading or importing images, to its end: what went wrong is said inside.
func ReadAnswer(answer io.Reader) error {
	messages := json.NewDecoder(answer)
	for {
		var message struct{ Error string }
		switch err := messages.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the engine's answer: %w", err)
		case message.Error != "":
			return errors.New(message.Error)
		}
	}
}

// compile builds examples/web for Linux as one static binary.
func compile(ctx context.Context, architecture string) ([]byte, error) {
	directory, err := os.MkdirTemp("", "coracle-demo-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the build: %w", err)
	}
	defer os.RemoveAll(directory)
	binary := filepath.Join(directory, "web")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", binary, "coracle.dev/coracle/examples/web")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture)
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build examples/web: %w\n%s", err, bytes.TrimSpace(output))
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("read the built program: %w", err)
	}
	return content, nil
}
