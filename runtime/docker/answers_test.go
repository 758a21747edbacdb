package docker

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/google/go-cmp/cmp"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/docker/pause"
)

func TestInspected(t *testing.T) {
	const begun, ended = "2026-01-02T03:04:05.000000006Z", "2026-01-02T03:05:00Z"
	for _, test := range []struct {
		name                string
		state               container.State
		want                runtime.State
		finished, wantAfter bool
	}{
		{"created", container.State{Status: "created", StartedAt: "0001-01-01T00:00:00Z", FinishedAt: "0001-01-01T00:00:00Z"}, runtime.StateCreated, false, false},
		{"running", container.State{Status: "running", StartedAt: begun, FinishedAt: "0001-01-01T00:00:00Z"}, runtime.StateRunning, false, false},
		{"running again", container.State{Status: "running", StartedAt: ended, FinishedAt: begun}, runtime.StateRunning, false, false},
		{"paused", container.State{Status: "paused", StartedAt: begun}, runtime.StateRunning, false, false},
		{"exited", container.State{Status: "exited", StartedAt: begun, FinishedAt: ended}, runtime.StateExited, true, true},
		{"exited before it was noted", container.State{Status: "exited", StartedAt: ended, FinishedAt: begun}, runtime.StateExited, true, false},
		{"dead", container.State{Status: "dead", StartedAt: begun, FinishedAt: ended}, runtime.StateExited, true, true},
		{"removing", container.State{Status: "removing", StartedAt: begun, FinishedAt: ended}, runtime.StateExited, true, true},
	} {
		got := inspected(container.InspectResponse{
			ContainerJSONBase: &container.ContainerJSONBase{Name: "/web", State: &test.state, HostConfig: &container.HostConfig{}},
			Config:            &container.Config{Image: "web:v1"},
		})
		if got.Name != "web" || got.State != test.want || got.Finished.IsZero() == test.finished || got.Finished.After(got.Started) != test.wantAfter ||
			test.finished && got.Finished.Before(got.Started) {
			t.Errorf("%s: got %+v", test.name, got)
		}
	}
}

func TestInspectedAddress(t *testing.T) {
	own := map[string]*network.EndpointSettings{"pods": {IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: "10.200.0.5"}}}
	for mode, want := range map[container.NetworkMode]string{"pods": "10.200.0.5", "container:c1": ""} {
		got := inspected(container.InspectResponse{
			ContainerJSONBase: &container.ContainerJSONBase{State: &container.State{}, HostConfig: &container.HostConfig{NetworkMode: mode}},
			Config:            &container.Config{},
			NetworkSettings:   &container.NetworkSettings{Networks: own},
		})
		if got.IP != want {
			t.Errorf("mode %s: address %q, want %q", mode, got.IP, want)
		}
	}
}

// Usage is what cgroups v1 and v2 call otherwise.
func TestUsage(t *testing.T) {
	for name, memory := range map[string]container.MemoryStats{
		"v1": {Usage: 100, Stats: map[string]uint64{"total_inactive_file": 30, "total_rss": 50, "inactive_file": 1}},
		"v2": {Usage: 100, Stats: map[string]uint64{"inactive_file": 30, "anon": 50}},
	} {
		got := usage(container.StatsResponse{
			Read:        time.Unix(1, 0),
			MemoryStats: memory,
			Networks:    map[string]container.NetworkStats{"eth0": {RxBytes: 1, TxBytes: 2}, "eth1": {RxBytes: 10, TxBytes: 20}},
			PidsStats:   container.PidsStats{Current: 3},
			CPUStats:    container.CPUStats{CPUUsage: container.CPUUsage{TotalUsage: 7}},
			BlkioStats:  container.BlkioStats{IoServiceBytesRecursive: []container.BlkioStatEntry{{Op: "Read", Value: 4}, {Op: "read", Value: 5}, {Op: "Write", Value: 6}, {Op: "Total", Value: 99}}},
		})
		want := runtime.Stats{Time: time.Unix(1, 0), CPUNanos: 7, MemoryBytes: 70, MemoryRSS: 50, RxBytes: 11, TxBytes: 22, Pids: 3, DiskReadBytes: 9, DiskWriteBytes: 6}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := workingSet(container.MemoryStats{Usage: 10, Stats: map[string]uint64{"inactive_file": 30}}); got != 0 {
		t.Errorf("more inactive than used: got %d, want 0", got)
	}
}

func TestFollowPull(t *testing.T) {
	const stream = `
{"status":"Pulling from library/web","id":"v1"}
{"status":"Pulling fs layer","progressDetail":{},"id":"a"}
{"status":"Downloading","progressDetail":{"current":10,"total":100},"id":"a"}
{"status":"Downloading","progressDetail":{"current":5,"total":50},"id":"b"}
{"status":"Download complete","progressDetail":{},"id":"a"}
{"status":"Extracting","progressDetail":{"current":1,"total":100},"id":"a"}
{"status":"Pull complete","progressDetail":{},"id":"b"}
{"status":"Status: Downloaded newer image"}
`
	var got []int64
	if err := follow(strings.NewReader(stream), func(p runtime.PullProgress) { got = append(got, p.CurrentBytes, p.TotalBytes) }); err != nil {
		t.Fatal(err)
	}
	want := []int64{0, 0, 0, 0, 10, 100, 15, 150, 105, 150, 105, 150, 150, 150, 150, 150}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("current and total bytes (-want +got):\n%s", diff)
	}
}

func TestFollowPullErrors(t *testing.T) {
	for stream, want := range map[string]error{
		`{"errorDetail":{"message":"manifest for web:v9 not found"},"error":"manifest for web:v9 not found: manifest unknown"}`: runtime.ErrImageNotFound,
		`{"error":"pull access denied for web, repository does not exist or may require 'docker login'"}`:                       runtime.ErrImageNotFound,
		`{"error":"Get https://registry/v2/: dial tcp: lookup registry: no such host"}`:                                         nil,
		`{"error":"toomanyrequests: You have reached your pull rate limit"}`:                                                    nil,
		`{"status":"Downloading"`: runtime.ErrUnavailable,
	} {
		err := follow(strings.NewReader(stream), nil)
		if err == nil || (want != nil) != (errors.Is(err, runtime.ErrImageNotFound) || errors.Is(err, runtime.ErrUnavailable)) || (want != nil && !errors.Is(err, want)) {
			t.Errorf("%s: got %v, want %v", stream, err, want)
		}
	}
}

func TestEncodeCredentials(t *testing.T) {
	if got, err := encode(nil); got != "" || err != nil {
		t.Errorf("none: %q, %v", got, err)
	}
	got, err := encode(&runtime.RegistryAuth{Username: "u", Password: "p"})
	if want := "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6InAifQ=="; got != want || err != nil { // {"username":"u","password":"p"}
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestNamesToRemove(t *testing.T) {
	found := image.InspectResponse{ID: "sha256:abc", RepoTags: []string{"web:v1", "web:v2", "<none>:<none>"}, RepoDigests: []string{"web@sha256:1"}}
	for ref, want := range map[string][]string{"sha256:abc": {"web:v1", "web:v2", "web@sha256:1"}, "web:v1": {"web:v1"}} {
		if got := namesToRemove(ref, found); !cmp.Equal(want, got) {
			t.Errorf("%s: got %v, want %v", ref, got, want)
		}
	}
	if got := namesToRemove("sha256:abc", image.InspectResponse{ID: "sha256:abc"}); !cmp.Equal(got, []string{"sha256:abc"}) {
		t.Errorf("without names: got %v, want the id", got)
	}
}

// The archive must be what an engine loads: a manifest that names a configuration and a layer that are there.
func TestSandboxArchive(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64", "arm"} {
		content, err := sandboxArchive(arch)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := sandboxArchive(arch)
		if !bytes.Equal(content, again) {
			t.Errorf("%s: not the same bytes each time", arch)
		}
		files := unpack(t, content)
		var manifests []struct {
			Config   string
			RepoTags []string
			Layers   []string
		}
		decode(t, files["manifest.json"], &manifests)
		manifest := manifests[0]
		if len(manifests) != 1 || !cmp.Equal(manifest.RepoTags, []string{runtime.SandboxImage}) || len(manifest.Layers) != 1 {
			t.Fatalf("%s: manifest %+v", arch, manifests)
		}
		var config imageConfig
		decode(t, files[manifest.Config], &config)
		layer := files[manifest.Layers[0]]
		if config.Architecture != arch || manifest.Config != digest(files[manifest.Config])+".json" || config.RootFS.DiffIDs[0] != "sha256:"+digest(layer) {
			t.Errorf("%s: configuration %+v", arch, config)
		}
		program, _ := pause.Executable(arch)
		if !bytes.Equal(unpack(t, layer)["pause"], program) {
			t.Errorf("%s: the layer has another program", arch)
		}
	}
	if _, err := sandboxArchive("mips"); err == nil {
		t.Error("mips: no error")
	}
}

func unpack(t *testing.T, content []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(content)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func decode(t *testing.T, content []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

// What the engine says in place of a command is kept from the command's output; what a command says is not.
func TestFailure(t *testing.T) {
	const message = "OCI runtime exec failed: no such file\r\n"
	var out strings.Builder
	f := failure{to: &out}
	_, _ = io.WriteString(&f, message)
	if err := f.verdict(false); err == nil || out.Len() > 0 {
		t.Errorf("not run: error %v, output %q", err, out.String())
	}
	if err := f.verdict(true); err != nil || out.String() != message {
		t.Errorf("run: error %v, output %q", err, out.String())
	}
	out.Reset()
	f = failure{to: &out}
	_, _ = io.WriteString(&f, "first ")
	_, _ = io.WriteString(&f, message)
	if out.String() != "first "+message {
		t.Errorf("later in the output: %q", out.String())
	}
}
