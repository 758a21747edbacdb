package machine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"coracle.dev/coracle/runtime/enginetest"
	"coracle.dev/coracle/runtime/enginetest/machine"
)

// newDir is a directory for a test's machines on a disk, with a short path, as sockets want it. In the end all of them are off.
func newDir(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a machine of the test's own needs root")
	}
	if _, err := exec.LookPath("dockerd"); err != nil {
		t.Skip("dockerd is missing: install docker.io")
	}
	dir, err := os.MkdirTemp("/var/tmp", "coracle-machine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, err := machine.FindAll(dir)
		for _, m := range left {
			err = errors.Join(err, m.Off())
		}
		if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func start(ctx context.Context, t *testing.T, dir string) *machine.Machine {
	t.Helper()
	m, err := machine.Start(ctx, machine.Options{Dir: dir, Tethered: true})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func output(ctx context.Context, t *testing.T, m *machine.Machine, line ...string) string {
	t.Helper()
	out, err := m.Command(ctx, line[0], line[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

// A machine has an engine that outlives its crash and a loss of power, with its containers on its disk; and it leaves nothing.
func TestMachine(t *testing.T) {
	dir := newDir(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	m := start(ctx, t, dir+"/raspi001")
	if _, err := machine.Start(ctx, machine.Options{Dir: m.Dir}); err == nil {
		t.Fatal("a machine started twice")
	}
	if name := output(ctx, t, m, "hostname"); name != "raspi001" {
		t.Errorf("its host name is %q", name)
	}
	check(t, m.StartEngine(ctx))
	docker, err := client.NewClientWithOpts(client.WithHost(m.EngineHost()), client.WithAPIVersionNegotiation())
	check(t, err)
	defer docker.Close()
	id := runApp(ctx, t, docker)
	pid := state(ctx, t, docker, id).Pid

	check(t, m.SignalService(ctx, machine.Dockerd, syscall.SIGKILL))
	if _, err := docker.Ping(ctx); err == nil {
		t.Error("an engine that was killed answers")
	}
	check(t, m.StartEngine(ctx))
	// An engine without live-restore ends what ran, as Debian's does.
	if now := state(ctx, t, docker, id); now.Running {
		t.Errorf("after a crash of the engine the container runs, as %d", now.Pid)
	}
	check(t, docker.ContainerStart(ctx, id, container.StartOptions{}))

	cgroups := cgroupsOf(t, dir)
	if len(cgroups) == 0 {
		t.Error("the container has no cgroup below the machine's")
	}
	check(t, m.Off())
	if left := cgroupsOf(t, dir); len(left) > 0 {
		t.Errorf("cgroups are left: %q", left)
	}
	if _, err := machine.Find(m.Dir); !errors.Is(err, machine.ErrOff) {
		t.Errorf("find a machine without power: %v", err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	check(t, err)
	if strings.Contains(string(mounts), dir) {
		t.Errorf("mounts are left:\n%s", mounts)
	}

	m = start(ctx, t, m.Dir)
	check(t, m.StartEngine(ctx))
	if after := state(ctx, t, docker, id); after.Running || after.Pid == pid {
		t.Errorf("after a loss of power the container is %s, as process %d", after.Status, after.Pid)
	}
}

func runApp(ctx context.Context, t *testing.T, docker *client.Client) string {
	t.Helper()
	answer, err := docker.ImageLoad(ctx, bytes.NewReader(enginetest.Archive(t, "app:1")))
	check(t, err)
	_, _ = io.Copy(io.Discard, answer.Body) // an image that is missing shows below
	check(t, answer.Body.Close())
	made, err := docker.ContainerCreate(ctx, &container.Config{Image: "app:1"}, nil, nil, nil, "")
	check(t, err)
	check(t, docker.ContainerStart(ctx, made.ID, container.StartOptions{}))
	return made.ID
}

func state(ctx context.Context, t *testing.T, docker *client.Client, id string) *container.State {
	t.Helper()
	found, err := docker.ContainerInspect(ctx, id)
	check(t, err)
	return found.State
}

// cgroupsOf are those of containers on machines of the directory, in all hierarchies.
func cgroupsOf(t *testing.T, dir string) []string {
	t.Helper()
	name := "coracle-machine*" + filepath.Base(dir)
	first, err := filepath.Glob("/sys/fs/cgroup/*/" + name)
	check(t, err)
	second, err := filepath.Glob("/sys/fs/cgroup/" + name)
	check(t, err)
	return append(first, second...)
}

// Machines and this one reach each other over a switch, until a cable is cut, and again when it is mended.
func TestSwitch(t *testing.T) {
	dir := newDir(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := machine.NewSwitch(start(ctx, t, dir+"/switch"))
	check(t, err)
	const link = "coracle-test" // 15 characters at most
	t.Cleanup(func() {
		if err := machine.RemoveLink(link); err != nil {
			t.Error(err)
		}
	})
	check(t, s.Uplink(link, netip.MustParsePrefix("10.97.0.1/24")))
	one, two := start(ctx, t, dir+"/one"), start(ctx, t, dir+"/two")
	gateway := netip.MustParseAddr("10.97.0.1")
	check(t, s.Plug(one, netip.MustParsePrefix("10.97.0.2/24"), gateway))
	check(t, s.Plug(two, netip.MustParsePrefix("10.97.0.3/24"), gateway))
	check(t, one.StartService(ctx, machine.Service{Name: "httpd", Line: []string{"busybox", "httpd", "-f", "-p", "80", "-h", "/etc"}}))

	here := func() bool {
		connection, err := net.DialTimeout("tcp", "10.97.0.2:80", time.Second)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}
	there := func() bool {
		return two.Command(ctx, "timeout", "1", "bash", "-c", "</dev/tcp/10.97.0.2/80").Run() == nil
	}
	until(t, "this machine and another connect", func() bool { return here() && there() })
	check(t, s.Cut("one"))
	if here() || there() {
		t.Error("a machine is reached over a cable that is cut")
	}
	check(t, s.Mend("one"))
	until(t, "the mended cable connects", func() bool { return here() && there() })

	check(t, one.Off())
	check(t, s.Unplug("one"))
	one = start(ctx, t, one.Dir)
	check(t, s.Plug(one, netip.MustParsePrefix("10.97.0.2/24"), gateway))
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 100 {
		if is() {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Errorf("in vain: %s", what)
}

const tetheredDir = "CORACLE_TEST_TETHERED_DIR"

// A machine that is tethered ends with the process that started it, however that ends.
func TestTether(t *testing.T) {
	if dir := os.Getenv(tetheredDir); dir != "" { // the process that is killed
		start(t.Context(), t, dir)
		check(t, syscall.Kill(os.Getpid(), syscall.SIGKILL))
	}
	dir := newDir(t) + "/short-lived"
	child := exec.Command("/proc/self/exe", "-test.run", "^TestTether$")
	child.Env = append(os.Environ(), tetheredDir+"="+dir)
	if err := child.Run(); err == nil || child.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the process that should have been killed: %v", err)
	}
	if _, err := os.Stat(dir + "/docker.sock"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there was never an engine: %v", err)
	}
	if _, err := os.Lstat(dir + "/docker.sock"); err != nil {
		t.Errorf("the machine was never there: %v", err)
	}
	until(t, "the machine is off", func() bool {
		_, err := machine.Find(dir)
		return errors.Is(err, machine.ErrOff)
	})
}
