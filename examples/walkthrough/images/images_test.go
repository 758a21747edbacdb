package images

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
)

func TestPackTakesAProgramWithItsLibraries(t *testing.T) {
	tree := t.TempDir()
	shell, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	loaders, err := filepath.Glob("/lib*/ld-linux*")
	libc, err2 := filepath.Glob("/lib/*/libc.so.6")
	if err != nil || err2 != nil || len(loaders) == 0 || len(libc) == 0 {
		t.Skip("no shared C library: this wants Debian")
	}
	for from, to := range map[string]string{loaders[0]: filepath.Join("lib/multi-arch", filepath.Base(loaders[0])), libc[0]: "lib/multi-arch/libc.so.6"} {
		put(t, filepath.Join(tree, to), read(t, from))
	}
	put(t, filepath.Join(tree, "usr/bin/dash"), shell)
	content, err := pack(tree, recipe{
		Programs: []string{"bin/dash"}, Files: map[string]string{"etc/note": "hello"}, Links: map[string]string{"bin/sh": "dash"}, Folders: []string{"tmp"},
	})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for reader := tar.NewReader(bytes.NewReader(content)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names[header.Name] = true
	}
	for _, want := range []string{"bin/dash", "bin/sh", "etc/note", "tmp/", "lib/multi-arch/libc.so.6", strings.TrimPrefix(loaders[0], "/")} {
		if !names[want] {
			t.Errorf("%s is missing: %v", want, names)
		}
	}
	if err := os.Remove(filepath.Join(tree, "lib/multi-arch/libc.so.6")); err != nil {
		t.Fatal(err)
	}
	if _, err := pack(tree, recipe{Programs: []string{"bin/dash"}}); err == nil || !strings.Contains(err.Error(), "no package has libc.so.6") {
		t.Errorf("without its library: %v", err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func put(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestRecipesDifferByTheirVersion(t *testing.T) {
	seen := map[string]string{}
	for _, r := range recipes() {
		digest, err := r.digest()
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := r.digest(); again != digest {
			t.Errorf("%s: %s, then %s", r.Tag, digest, again)
		}
		if other, ok := seen[digest]; ok {
			t.Errorf("%s and %s are the same", r.Tag, other)
		}
		seen[digest] = r.Tag
	}
}

// The engine runs what Make gives it: nginx answers and logs what it was asked, redis-cli answers; and Make gives it nothing
// a second time.
func TestMakeOnAnEngine(t *testing.T) {
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if _, err := docker.Ping(ctx); err != nil {
		t.Skipf("no Docker Engine answers: %v", err)
	}
	if _, err := Make(ctx, docker); err != nil {
		t.Fatal(err)
	}
	if again, err := Make(ctx, docker); err != nil || len(again) > 0 {
		t.Errorf("a second time: made %q, %v", again, err)
	}
	for _, c := range []struct{ tag, ask, answer, log string }{
		{"nginx:1.12", "until wget -qO- localhost; do sleep 1; done; echo $NGINX_VERSION", "<p>nginx 1.12.2</p>\n1.12.2", `"GET / HTTP/1.1" 200`},
		{"nginx:1.13", "until wget -qO- localhost; do sleep 1; done; echo $NGINX_VERSION", "<p>nginx 1.13.12</p>\n1.13.12", `"GET / HTTP/1.1" 200`},
		{"redis:3.2", "until redis-cli ping; do sleep 1; done; redis-cli set a 1; redis-cli get a", "PONG\nOK\n1", "Ready to accept connections"},
	} {
		t.Run(c.tag, func(t *testing.T) {
			answer, log := play(ctx, t, docker, c.tag, c.ask)
			if !strings.Contains(answer, c.answer) {
				t.Errorf("it answers %q, want %q", answer, c.answer)
			}
			if !strings.Contains(log, c.log) {
				t.Errorf("it logs %q, want %q", log, c.log)
			}
		})
	}
}

// play runs the image, asks in its shell, and ends it politely.
func play(ctx context.Context, t *testing.T, docker *client.Client, tag, ask string) (answer, log string) {
	t.Helper()
	made, err := docker.ContainerCreate(ctx, &container.Config{Image: tag}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = docker.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true})
	}()
	if err := docker.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	program, err := docker.ContainerExecCreate(ctx, made.ID, container.ExecOptions{Cmd: []string{"sh", "-c", ask}, AttachStdout: true})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := docker.ContainerExecAttach(ctx, program.ID, container.ExecAttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	answer = text(t, stream.Reader)
	if err := docker.ContainerStop(ctx, made.ID, container.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	if ended, err := docker.ContainerInspect(ctx, made.ID); err != nil || ended.State.ExitCode != 0 {
		t.Errorf("told to end, %s ends with %+v, %v", tag, ended.State, err)
	}
	logs, err := docker.ContainerLogs(ctx, made.ID, container.LogsOptions{ShowStdout: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	return answer, text(t, logs)
}

func text(t *testing.T, stream io.Reader) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, stream); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
