package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types/image"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/docker/pause"
)

// sandboxLabel is on the sandbox image, so that it is known even when its name was taken from it.
const sandboxLabel = "coracle.dev/pause"

// loadSandboxImage makes the sandbox image and gives it to the engine. Many sandboxes may find it missing at once:
// one call loads it, the others wait and find it there.
func (e *Engine) loadSandboxImage(ctx context.Context) error {
	e.sandbox.Lock()
	defer e.sandbox.Unlock()
	if _, err := e.InspectImage(ctx, runtime.SandboxImage); !errors.Is(err, runtime.ErrImageNotFound) {
		return err
	}
	engine, err := e.Info(ctx)
	if err != nil {
		return err
	}
	archive, err := sandboxArchive(engine.Architecture)
	if err != nil {
		return fmt.Errorf("make the sandbox image: %w", err)
	}
	e.log.Info().Str("image", runtime.SandboxImage).Str("arch", engine.Architecture).Msg("load sandbox image")
	return e.do(ctx, writeDeadline, "load the sandbox image", func(ctx context.Context) error {
		response, err := e.client.ImageLoad(ctx, bytes.NewReader(archive))
		if err != nil {
			return err
		}
		return loaded(response)
	})
}

// loaded reads the answer to an image load to its end: errors come inside it.
func loaded(response image.LoadResponse) error {
	defer response.Body.Close()
	if !response.JSON {
		_, err := io.Copy(io.Discard, response.Body)
		return err
	}
	return follow(response.Body, nil)
}

// imageConfig is the part of an image's configuration that we need. Source: OCI image specification, config.md.
type imageConfig struct {
	Architecture string         `json:"architecture"`
	OS           string         `json:"os"`
	Created      time.Time      `json:"created"`
	Config       map[string]any `json:"config"`
	RootFS       rootFS         `json:"rootfs"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

// sandboxArchive is the sandbox image as `docker save` writes images: the same bytes for the same architecture.
func sandboxArchive(arch string) ([]byte, error) {
	program, err := pause.Executable(arch)
	if err != nil {
		return nil, err
	}
	layer, err := archive(entry{"pause", 0o555, program})
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(imageConfig{
		Architecture: arch,
		OS:           "linux",
		Created:      time.Unix(0, 0).UTC(),
		Config:       map[string]any{"Entrypoint": []string{"/pause"}, "Labels": map[string]string{sandboxLabel: "1"}},
		RootFS:       rootFS{Type: "layers", DiffIDs: []string{"sha256:" + digest(layer)}},
	})
	if err != nil {
		return nil, err
	}
	configName := digest(config) + ".json"
	manifest, err := json.Marshal([]map[string]any{{
		"Config":   configName,
		"RepoTags": []string{runtime.SandboxImage},
		"Layers":   []string{"layer.tar"},
	}})
	if err != nil {
		return nil, err
	}
	return archive(entry{"manifest.json", 0o444, manifest}, entry{configName, 0o444, config}, entry{"layer.tar", 0o444, layer})
}

type entry struct {
	name    string
	mode    int64
	content []byte
}

// archive is a tar of files without times or owners.
func archive(entries ...entry) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(e.content)), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func digest(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }
