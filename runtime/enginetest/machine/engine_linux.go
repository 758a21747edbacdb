package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The engine is as Debian's packages run it: containerd is not dockerd's child, and lives on without it, with all containers.
const (
	containerdConfig = "/run/containerd.toml"
	dockerdConfig    = "/run/docker.json"
	engineSocket     = "/run/docker.sock"
)

// Containerd and Dockerd are the two services of the engine.
var (
	Containerd = Service{Name: "containerd", Line: []string{"containerd", "--config", containerdConfig}}
	Dockerd    = Service{Name: "dockerd", Line: []string{"dockerd", "--config-file", dockerdConfig}}
)

const engineDeadline = 2 * time.Minute

// StartEngine starts what is not running of the engine, and returns when it answers.
func (m *Machine) StartEngine(ctx context.Context) error {
	if err := m.writeConfigs(); err != nil {
		return err
	}
	// One that crashed left its socket and its id: who connects before it listens again would be answered by neither.
	if running, err := m.Runs(Dockerd); err != nil {
		return err
	} else if !running {
		for _, name := range []string{engineSocket, "/run/docker.pid"} {
			if err := ignore(os.Remove(m.Path(name)), os.ErrNotExist); err != nil {
				return fmt.Errorf("remove what a crash left: %w", err)
			}
		}
	}
	if err := m.StartService(ctx, Containerd); err != nil {
		return err
	}
	// dockerd takes a containerd that is there when it starts, and else starts one.
	if err := m.await(ctx, Containerd, func() bool { return listens(m.Path("/run/containerd/containerd.sock")) }); err != nil {
		return err
	}
	if err := m.StartService(ctx, Dockerd); err != nil {
		return err
	}
	return m.await(ctx, Dockerd, m.engineAnswers)
}

// writeConfigs has the engine take nothing from the configuration of this machine's own.
func (m *Machine) writeConfigs() error {
	driver, err := storageDriver(m.Dir)
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"hosts": []string{"unix://" + engineSocket}, "cgroup-parent": m.cgroup(), "storage-driver": driver,
		"exec-opts": []string{"native.cgroupdriver=cgroupfs"}, // systemd knows nothing of this machine
	})
	if err != nil {
		return fmt.Errorf("encode the engine's configuration: %w", err)
	}
	for path, content := range map[string]string{
		containerdConfig: "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n", dockerdConfig: string(config),
	} {
		if err := os.WriteFile(m.Path(path), []byte(content), 0o600); err != nil {
			return fmt.Errorf("write the engine's configuration: %w", err)
		}
	}
	return nil
}

// storageDriver is the one for images in a directory: overlays do not stack, nor lie on what is in memory.
func storageDriver(dir string) (string, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return "", fmt.Errorf("look at the file system of %s: %w", dir, err)
	}
	switch stat.Type {
	case unix.OVERLAYFS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return "vfs", nil
	}
	return "overlay2", nil
}

// await returns when the service is ready, or has ended.
func (m *Machine) await(ctx context.Context, service Service, ready func() bool) error {
	err := eventually(ctx, engineDeadline, func() (bool, error) {
		if ready() {
			return true, nil
		}
		running, err := m.Runs(service)
		if err == nil && !running {
			err = errors.New("it has ended")
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("start %s on %s: %w", service.Name, m.Name(), errors.Join(err, m.logged(service.Name)))
	}
	return nil
}

func listens(socket string) bool {
	connection, err := net.Dial("unix", socket)
	if err == nil {
		_ = connection.Close()
	}
	return err == nil
}

// engineAnswers says that it does: the socket listens some time before.
func (m *Machine) engineAnswers() bool {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", m.Path(engineSocket))
		},
	}}
	answer, err := client.Get("http://engine/_ping")
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// StopEngine ends the engine as an administrator does. It stops its containers first.
func (m *Machine) StopEngine(ctx context.Context) error {
	if err := m.SignalService(ctx, Dockerd, syscall.SIGTERM); err != nil {
		return err
	}
	return m.SignalService(ctx, Containerd, syscall.SIGTERM)
}

// SocketName is that of the engine's socket for programs of this machine, in the machine's directory. It is the same each time
// the machine has power.
const SocketName = "docker.sock"

// EngineHost is the address of that socket, as $DOCKER_HOST has it.
func (m *Machine) EngineHost() string { return "unix://" + filepath.Join(m.Dir, SocketName) }

// linkSocket leads from that address to the socket, which is in the machine's own memory.
func (m *Machine) linkSocket() error {
	link := filepath.Join(m.Dir, SocketName)
	if err := ignore(os.Remove(link), os.ErrNotExist); err != nil {
		return fmt.Errorf("remove the last link to the engine's socket: %w", err)
	}
	if err := os.Symlink(m.Path(engineSocket), link); err != nil {
		return fmt.Errorf("link to the engine's socket: %w", err)
	}
	return nil
}
