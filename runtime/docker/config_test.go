package docker

import (
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"coracle.dev/coracle/runtime"
)

var options = Options{NodeName: "node-1", LogMaxBytes: 10 << 20, LogFiles: 3}

func TestConfigure(t *testing.T) {
	got, err := configure(runtime.ContainerSpec{
		Name:       "k8s_web",
		Image:      "web:v1",
		Labels:     map[string]string{"a": "b", runtime.LabelManaged: "forged"},
		Entrypoint: []string{"/web"},
		Args:       []string{"-v"},
		Env:        []string{"A=1"},
		Hostname:   "web-0",
		StopSignal: "SIGINT",
		Network:    runtime.NetworkAttachment{Name: "pods", IP: "10.200.0.5"},
		Ports:      []runtime.PortBinding{{HostPort: 80, ContainerPort: 8080, Protocol: "tcp"}, {HostIP: "127.0.0.1", HostPort: 81, ContainerPort: 8080, Protocol: "tcp"}},
		Hosts:      []string{"10.0.0.1 db", "nonsense"},
		Mounts:     []runtime.Mount{{HostPath: "/data", Target: "/d", ReadOnly: true}, {Target: "/t", SizeBytes: 1024}},
		Resources:  runtime.Resources{CPUQuotaMicros: 5000, MemoryLimitBytes: 1 << 20, PidsLimit: 9},
	}, options)
	if err != nil {
		t.Fatal(err)
	}
	pids := int64(9)
	want := creation{
		config: &container.Config{
			Image: "web:v1", Labels: map[string]string{"a": "b", runtime.LabelManaged: "node-1"},
			Entrypoint: []string{"/web"}, Cmd: []string{"-v"}, Env: []string{"A=1"}, Hostname: "web-0", StopSignal: "SIGINT",
			ExposedPorts: nat.PortSet{"8080/tcp": {}},
			Healthcheck:  &container.HealthConfig{Test: []string{"NONE"}},
		},
		host: &container.HostConfig{
			NetworkMode: "pods", IpcMode: "shareable",
			PortBindings:  nat.PortMap{"8080/tcp": {{HostPort: "80"}, {HostIP: "127.0.0.1", HostPort: "81"}}},
			RestartPolicy: container.RestartPolicy{Name: "no"},
			LogConfig:     container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10485760", "max-file": "3"}},
			ExtraHosts:    []string{"db:10.0.0.1"},
			Mounts: []mount.Mount{
				{Type: "bind", Source: "/data", Target: "/d", ReadOnly: true},
				{Type: "tmpfs", Target: "/t", TmpfsOptions: &mount.TmpfsOptions{SizeBytes: 1024, Mode: 0o1777}},
			},
			Resources: container.Resources{CPUPeriod: 100_000, CPUQuota: 5000, Memory: 1 << 20, MemorySwap: 1 << 20, PidsLimit: &pids},
		},
		network: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			"pods": {IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: "10.200.0.5"}},
		}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(creation{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConfigureNetwork(t *testing.T) {
	for _, test := range []struct {
		network  runtime.NetworkAttachment
		mode     container.NetworkMode
		hostname string
	}{
		{runtime.NetworkAttachment{}, "none", "h"},
		{runtime.NetworkAttachment{Host: true}, "host", "h"},
		{runtime.NetworkAttachment{From: "c1"}, "container:c1", ""}, // the engine refuses a name of its own there
		{runtime.NetworkAttachment{Name: "pods", IP: "fd00::5"}, "pods", "h"},
	} {
		got, err := configure(runtime.ContainerSpec{Image: "web", Hostname: "h", Network: test.network}, options)
		if err != nil || got.host.NetworkMode != test.mode || got.config.Hostname != test.hostname {
			t.Errorf("%+v: mode %s, host name %q, error %v; want %s, %q", test.network, got.host.NetworkMode, got.config.Hostname, err, test.mode, test.hostname)
		}
	}
	for _, bad := range []runtime.ContainerSpec{
		{Network: runtime.NetworkAttachment{Name: "pods", IP: "10.0.0.300"}},
		{Ports: []runtime.PortBinding{{ContainerPort: 70000, Protocol: "tcp"}}},
	} {
		if _, err := configure(bad, options); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}

func TestConfigureSandbox(t *testing.T) {
	got, err := configure(runtime.ContainerSpec{Image: runtime.SandboxImage, StopSignal: "SIGTERM"}, options)
	if err != nil || got.config.StopSignal != "SIGKILL" || got.host.LogConfig.Type != "none" {
		t.Errorf("stop signal %s, log %s, error %v; want SIGKILL, none", got.config.StopSignal, got.host.LogConfig.Type, err)
	}
}

// Linux takes 15 characters, and each network needs its own.
func TestBridgeName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := rapid.String().Draw(t, "one"), rapid.String().Draw(t, "other")
		name := bridgeName(one)
		if len(name) != 15 || strings.Trim(name, "0123456789abcdefo-") != "" {
			t.Errorf("%q: name %q", one, name)
		}
		if (name == bridgeName(other)) != (one == other) {
			t.Errorf("%q and %q: %q and %q", one, other, name, bridgeName(other))
		}
	})
}
