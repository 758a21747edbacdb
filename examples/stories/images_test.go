package stories

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"coracle.dev/coracle/examples/demo/images"
	"coracle.dev/coracle/examples/demo/repository"
)

// loadImages gives the engine web:v1, v2 and v3, and toolbox:1, which has a shell and tar.
func loadImages(t *testing.T, docker *client.Client) {
	t.Helper()
	if _, err := images.Build(t.Context(), docker, "web", repository.Versions()...); err != nil {
		t.Fatal(err)
	}
	if _, err := docker.ImageInspect(t.Context(), "toolbox:1"); err == nil {
		return
	}
	content, err := toolbox("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := docker.ImageImport(t.Context(), image.ImportSource{Source: bytes.NewReader(content), SourceName: "-"}, "toolbox:1",
		image.ImportOptions{Changes: []string{`CMD ["sh"]`, "ENV PATH=/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	if _, err := io.Copy(io.Discard, answer); err != nil {
		t.Fatal(err)
	}
}

// toolbox is the file system of an image with a static busybox and links to it.
func toolbox(busybox string) ([]byte, error) {
	program, err := os.ReadFile(busybox)
	if err != nil {
		return nil, fmt.Errorf("read busybox (Debian: busybox-static): %w", err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	headers := []*tar.Header{
		{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o777},
		{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(program))},
	}
	for _, applet := range []string{"sh", "cat", "date", "echo", "env", "hostname", "kill", "ls", "nc", "ps", "sleep", "tar", "test", "touch", "tty", "wget"} {
		headers = append(headers, &tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeLink, Linkname: "bin/busybox", Mode: 0o755})
	}
	for _, header := range headers {
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", header.Name, err)
		}
		if header.Typeflag == tar.TypeReg {
			if _, err := w.Write(program); err != nil {
				return nil, fmt.Errorf("pack %s: %w", header.Name, err)
			}
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return out.Bytes(), nil
}
