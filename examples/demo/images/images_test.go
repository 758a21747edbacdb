package images

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/google/go-cmp/cmp"
)

func TestArchiveIsWhatDockerLoads(t *testing.T) {
	content, ids, err := archive([]byte("a program"), "arm64", "web", []string{"v1", "v2"})
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, content)
	var manifests []manifest
	if err := json.Unmarshal(files["manifest.json"], &manifests); err != nil {
		t.Fatal(err)
	}
	want := []manifest{
		{Config: "v1.json", RepoTags: []string{"web:v1"}, Layers: []string{"layer.tar"}},
		{Config: "v2.json", RepoTags: []string{"web:v2"}, Layers: []string{"layer.tar"}},
	}
	if diff := cmp.Diff(want, manifests); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"web:v1": digest(files["v1.json"]), "web:v2": digest(files["v2.json"])}, ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if program := unpack(t, files["layer.tar"])["web"]; string(program) != "a program" {
		t.Errorf("the layer has %q as /web", program)
	}
	var second config
	if err := json.Unmarshal(files["v2.json"], &second); err != nil {
		t.Fatal(err)
	}
	if second.Architecture != "arm64" || second.Config.Env[0] != "VERSION=v2" || second.RootFS.DiffIDs[0] != digest(files["layer.tar"]) {
		t.Errorf("config of v2: %+v", second)
	}
}

func TestArchiveIsTheSameEachTime(t *testing.T) {
	first, _, _ := archive([]byte("a program"), "amd64", "web", []string{"v1", "v2"})
	second, _, _ := archive([]byte("a program"), "amd64", "web", []string{"v1", "v2"})
	if !bytes.Equal(first, second) {
		t.Error("two archives of the same differ")
	}
}

func unpack(t *testing.T, content []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for reader := tar.NewReader(bytes.NewReader(content)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
}

// The engine runs what Build gives it, and is given nothing a second time.
func TestBuildOnAnEngine(t *testing.T) {
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := docker.Ping(ctx); err != nil {
		t.Skipf("no Docker Engine answers: %v", err)
	}
	const repository = "coracle-images-test"
	loaded, err := Build(ctx, docker, repository, "v1", "v2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, tag := range []string{repository + ":v1", repository + ":v2"} {
			_, _ = docker.ImageRemove(context.Background(), tag, image.RemoveOptions{Force: true})
		}
	})
	if diff := cmp.Diff([]string{repository + ":v1", repository + ":v2"}, loaded); diff != "" {
		t.Errorf("loaded (-want +got):\n%s", diff)
	}
	if again, err := Build(ctx, docker, repository, "v1", "v2"); err != nil || len(again) > 0 {
		t.Errorf("a second time: loaded %q, %v", again, err)
	}
	if output := say(ctx, t, docker, repository+":v2"); output != "worker v2 demo: Hello (1)" {
		t.Errorf("the worker says %q", output)
	}
}

// say is the first line of the image's worker.
func say(ctx context.Context, t *testing.T, docker *client.Client, tag string) string {
	t.Helper()
	made, err := docker.ContainerCreate(ctx, &container.Config{Image: tag, Cmd: []string{"work"}, Hostname: "demo", Tty: true, Env: []string{"INTERVAL=1h"}},
		&container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = docker.ContainerRemove(ctx, made.ID, container.RemoveOptions{Force: true}) }()
	if err := docker.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	logs, err := docker.ContainerLogs(ctx, made.ID, container.LogsOptions{ShowStdout: true, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	line, err := bufio.NewReader(logs).ReadString('\n') // with a terminal, the log is the bare output
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
