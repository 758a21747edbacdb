package stories

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/client"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"until": until, "holds": holds, "prints": prints, "containers": containers})
}

// TestStories runs the scripts that share the machine's engine.
func TestStories(t *testing.T) {
	docker := newDocker(t, "")
	loadImages(t, docker)
	testscript.Run(t, testscript.Params{
		Dir:                "shared",
		Cmds:               commands,
		RequireUniqueNames: true,
		Setup:              func(env *testscript.Env) error { return setup(env, &story{docker: docker}) },
	})
}

// newDocker is a client of an engine; "" is the machine's.
func newDocker(t *testing.T, host string) *client.Client {
	t.Helper()
	options := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if host != "" {
		options = append(options, client.WithHost(host))
	}
	docker, err := client.NewClientWithOpts(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docker.Close() })
	if _, err := docker.Ping(t.Context()); err != nil {
		t.Skipf("no Docker Engine answers: %v", err)
	}
	return docker
}

// stories counts those that this process runs, so that each has a network of its own.
var stories atomic.Int32

// setup gives a story what is its own: the files of its daemon below $WORK, $PORT, $NODE, which is the name of the network
// too, and $CIDR. Other runs on the same engine have other names, and most likely other networks.
func setup(env *testscript.Env, s *story) error {
	if err := setupPerson(env, s.within); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	node := fmt.Sprintf("story-%s-%d", name, os.Getpid())
	env.Setenv("NODE", node)
	env.Setenv("PORT", strconv.Itoa(port))
	env.Setenv("CIDR", fmt.Sprintf("10.%d.%d.0/24", 128+os.Getpid()%64, stories.Add(1)))
	env.Setenv("DOCKER_HOST", s.docker.DaemonHost())
	env.Setenv("KUBECONFIG", filepath.Join(env.WorkDir, "data", "kubeconfig"))
	s.node, s.log = node, filepath.Join(env.WorkDir, "coracle.log")
	env.Values[storyKey{}] = s
	env.Defer(func() { s.end(env) })
	return nil
}

// setupPerson gives a story the programs that people type, and a name to commit by.
func setupPerson(env *testscript.Env, within []string) error {
	binaries, err := binaries(env, within)
	if err != nil {
		return err
	}
	env.Setenv("PATH", binaries+string(os.PathListSeparator)+env.Getenv("PATH"))
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(env.WorkDir, ".gitconfig"))
	env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	if err := os.WriteFile(env.Getenv("GIT_CONFIG_GLOBAL"), []byte("[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"), 0o600); err != nil {
		return fmt.Errorf("write Git's configuration: %w", err)
	}
	return nil
}

// binaries is a directory with coracle, and with a kubectl that runs where the daemon does: the machine's, or else coracle's.
func binaries(env *testscript.Env, within []string) (string, error) {
	coracle, err := filepath.Abs("../../bin/coracle")
	if err != nil {
		return "", fmt.Errorf("find coracle: %w", err)
	}
	if _, err := os.Stat(coracle); err != nil {
		return "", fmt.Errorf("%s is missing: run `make build`", coracle)
	}
	dir := filepath.Join(env.WorkDir, ".bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("make a directory of programs: %w", err)
	}
	// A hard link stays what it is when coracle is built again meanwhile.
	if err := os.Link(coracle, filepath.Join(dir, "coracle")); err != nil {
		if err := os.Symlink(coracle, filepath.Join(dir, "coracle")); err != nil {
			return "", fmt.Errorf("link coracle: %w", err)
		}
	}
	kubectl := "coracle kubectl"
	if path, err := exec.LookPath("kubectl"); err == nil {
		kubectl = path
	}
	shim := fmt.Sprintf("#!/bin/sh\nexec %s %s \"$@\"\n", strings.Join(within, " "), kubectl)
	if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte(shim), 0o755); err != nil {
		return "", fmt.Errorf("write kubectl: %w", err)
	}
	return dir, nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// end stops the story's daemon and removes all that it left on the engine. A story that failed shows the log.
func (s *story) end(env *testscript.Env) {
	if t, ok := env.T().(interface{ Failed() bool }); ok && t.Failed() {
		if log, err := os.ReadFile(s.log); err == nil {
			env.T().Log("coracle's log:\n" + string(log))
		}
	}
	if err := s.stop(os.Kill); err != nil {
		env.T().Log(err)
	}
	if err := s.clean(context.Background()); err != nil {
		env.T().Log("clean up:", err)
	}
}
