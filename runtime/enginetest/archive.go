package enginetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"sync"
	"testing"
	"time"
)

// image is one of a single layer, from scratch.
type image struct {
	config []byte // JSON, as in the OCI image specification
	layer  []byte // tar
}

// Archive is an image that runs package app, under a reference, as `docker save` writes images and `docker load` reads
// them. Its entrypoint is /app, its command "sleep".
func Archive(t testing.TB, ref string) []byte {
	t.Helper()
	i := appImage(t, ref)
	configName := digest(i.config) + ".json"
	manifest := marshal(t, []any{map[string]any{"Config": configName, "RepoTags": []string{ref}, "Layers": []string{"layer.tar"}}})
	return pack(t, 0o444, file{"manifest.json", manifest}, file{configName, i.config}, file{"layer.tar", i.layer})
}

// appImage is an image with an id of its own for each name.
func appImage(t testing.TB, name string) image {
	t.Helper()
	program, err := buildApp()
	if err != nil {
		t.Fatal(err)
	}
	layer := pack(t, 0o555, file{"app", program})
	return image{layer: layer, config: marshal(t, map[string]any{
		"architecture": goruntime.GOARCH,
		"os":           "linux",
		"author":       name,
		"created":      time.Unix(0, 0).UTC(),
		"config":       map[string]any{"Entrypoint": []string{"/app"}, "Cmd": []string{"sleep"}},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest(layer)}},
	})}
}

// buildApp compiles the program once, static, for Linux.
var buildApp = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "coracle-app")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "app")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "coracle.dev/coracle/runtime/enginetest/app/container")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the test program: %w: %s", err, out)
	}
	return os.ReadFile(path)
})

type file struct {
	name    string
	content []byte
}

func pack(t testing.TB, mode int64, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: mode, Size: int64(len(f.content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func compress(t testing.TB, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func digest(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }
