package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"coracle.dev/coracle/runtime"
)

func (e *Engine) PullImage(ctx context.Context, ref string, auth *runtime.RegistryAuth, progress func(runtime.PullProgress)) error {
	doing := "pull image " + ref
	if _, err := reference.ParseNormalizedNamed(ref); err != nil {
		return fmt.Errorf("%s: %w: %w", doing, runtime.ErrInvalidImageName, err)
	}
	credentials, err := encode(auth)
	if err != nil {
		return fmt.Errorf("%s: credentials: %w", doing, err)
	}
	stream, err := e.client.ImagePull(ctx, ref, image.PullOptions{RegistryAuth: credentials})
	if err != nil {
		return explain(ctx, doing, refused(err))
	}
	defer stream.Close()
	defer e.digests.forget()
	// The engine gives up a pull whose stream is not read to its end.
	return explain(ctx, doing, follow(stream, progress))
}

// encode writes credentials as the engine's header wants them. None is "".
func encode(auth *runtime.RegistryAuth) (string, error) {
	if auth == nil {
		return "", nil
	}
	return registry.EncodeAuthConfig(registry.AuthConfig{
		Username:      auth.Username,
		Password:      auth.Password,
		IdentityToken: auth.IdentityToken,
		ServerAddress: auth.ServerAddress,
	})
}

// pullMessage is one line of a pull's stream. Source: Docker Engine API 1.41, POST /images/create.
type pullMessage struct {
	ID       string `json:"id"` // of the layer
	Status   string `json:"status"`
	Progress struct {
		Current, Total int64
	} `json:"progressDetail"`
	Error string `json:"error"`
}

// follow reads a pull's stream to its end and returns the error inside it, if any.
func follow(stream io.Reader, progress func(runtime.PullProgress)) error {
	layers, lines := layers{}, json.NewDecoder(stream)
	for {
		var message pullMessage
		if err := lines.Decode(&message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%w: its answer broke off: %w", runtime.ErrUnavailable, err)
		}
		if message.Error != "" {
			return refused(errors.New(message.Error))
		}
		if progress != nil {
			progress(layers.add(message))
		}
	}
}

// layers are the bytes of each layer known so far.
type layers map[string]struct{ current, total int64 }

func (l layers) add(m pullMessage) runtime.PullProgress {
	layer := l[m.ID]
	switch m.Status {
	case "Downloading":
		layer.current, layer.total = m.Progress.Current, max(layer.total, m.Progress.Total)
	case "Verifying Checksum", "Download complete", "Extracting", "Pull complete":
		layer.current = layer.total
	}
	if layer.total > 0 {
		l[m.ID] = layer
	}
	sum := runtime.PullProgress{Status: m.Status}
	for _, layer := range l {
		sum.CurrentBytes += layer.current
		sum.TotalBytes += layer.total
	}
	return sum
}

// refusals are what registries and engines say, in lower case, when there is no such image or no right to it.
var refusals = []string{
	"manifest unknown", "not found", "pull access denied", "repository does not exist", "access denied", "denied:",
	"unauthorized", "no basic auth credentials", "authentication required", "no matching manifest",
}

// refused marks an error as ErrImageNotFound if it says so. What else went wrong (no network, too many requests) may
// succeed later.
func refused(err error) error {
	message := strings.ToLower(err.Error())
	for _, refusal := range refusals {
		if strings.Contains(message, refusal) {
			return fmt.Errorf("%w: %s", runtime.ErrImageNotFound, words(err))
		}
	}
	return err
}
