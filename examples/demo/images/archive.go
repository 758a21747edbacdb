package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// config is the part of an image's configuration that these images need, as the OCI image specification has it.
type config struct {
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Created      time.Time `json:"created"`
	Config       struct {
		Entrypoint   []string            `json:"Entrypoint"`
		Env          []string            `json:"Env"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		User         string              `json:"User"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// manifest is one entry of an archive's manifest.json, as `docker save` writes it.
type manifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// archive is what `docker load` takes: the images repository:v for each version, FROM scratch with the binary as /web.
// ids are those that the engine will give, by tag.
func archive(binary []byte, architecture, repository string, versions []string) (content []byte, ids map[string]string, err error) {
	layer, err := pack(file{"web", binary, 0o755})
	if err != nil {
		return nil, nil, err
	}
	files := []file{{"layer.tar", layer, 0o644}}
	var manifests []manifest
	ids = map[string]string{}
	for _, version := range versions {
		text, err := json.Marshal(newConfig(architecture, version, digest(layer)))
		if err != nil {
			return nil, nil, fmt.Errorf("encode config of %s: %w", version, err)
		}
		tag, id := repository+":"+version, digest(text)
		ids[tag] = id
		name := version + ".json"
		files = append(files, file{name, text, 0o644})
		manifests = append(manifests, manifest{Config: name, RepoTags: []string{tag}, Layers: []string{"layer.tar"}})
	}
	index, err := json.Marshal(manifests)
	if err != nil {
		return nil, nil, fmt.Errorf("encode manifest: %w", err)
	}
	content, err = pack(append(files, file{"manifest.json", index, 0o644})...)
	return content, ids, err
}

func newConfig(architecture, version, layer string) config {
	c := config{Architecture: architecture, OS: "linux", Created: time.Unix(0, 0).UTC()}
	c.Config.Entrypoint = []string{"/web"}
	c.Config.Env = []string{"VERSION=" + version}
	c.Config.ExposedPorts = map[string]struct{}{"8080/tcp": {}}
	c.Config.User = "65532:65532" // nobody in particular, but not root
	c.RootFS.Type, c.RootFS.DiffIDs = "layers", []string{layer}
	return c
}

type file struct {
	name    string
	content []byte
	mode    int64
}

// pack is a tar of the files, with no times or owners, so that equal files give equal bytes.
func pack(files ...file) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		header := tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(&header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return out.Bytes(), nil
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
