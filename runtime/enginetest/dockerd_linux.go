package enginetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"testing"
)

// Dockerd is a Docker Engine of a test's own, beside the machine's: one that it may kill. It has no default bridge and
// touches no firewall, so containers reach each other in networks that the test makes, and nothing outside. Those networks
// are in a namespace of its own: an engine without a default bridge removes docker0 where it finds one.
type Dockerd struct {
	// Host is its address, as "unix:///tmp/…/docker.sock". It stays the same over restarts.
	Host string
	// Namespace is the path of its network namespace, for `nsenter --net=<path>`. It too stays the same.
	Namespace string

	dir                        string
	engine, containerd, holder *child // the holder keeps the namespace
	crashed                    bool
}

// NewDockerd starts an engine and stops it after the test. It skips the test where there is no dockerd, or no right to
// run it.
func NewDockerd(t testing.TB) *Dockerd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a Docker Engine of the test's own needs root")
	}
	if _, err := exec.LookPath("dockerd"); err != nil {
		t.Skip("dockerd is missing: install docker.io")
	}
	dir, err := os.MkdirTemp("", "coracle-dockerd") // not t.TempDir: a socket's path may have 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	d := &Dockerd{Host: "unix://" + filepath.Join(dir, "docker.sock"), dir: dir}
	t.Cleanup(func() { d.clean(t) })
	// As systemd has it, containerd is not dockerd's child, and lives on without it.
	if err := os.WriteFile(dir+"/containerd.toml", []byte("version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.containerd = d.run(t, "containerd", "--config", dir+"/containerd.toml", "--address", dir+"/containerd.sock",
		"--root", dir+"/containerd", "--state", dir+"/containerd-state")
	listens(t, dir+"/containerd.sock")
	d.hold(t)
	d.Start(t)
	return d
}

// hold makes the network namespace, with its loopback up.
func (d *Dockerd) hold(t testing.TB) {
	t.Helper()
	ready := d.dir + "/namespace"
	d.holder = d.run(t, "unshare", "--net", "sh", "-c", "ip link set lo up && touch "+ready+" && exec sleep infinity")
	eventually(t, "a network namespace", func() bool {
		_, err := os.Stat(ready)
		return err == nil
	})
	d.Namespace = fmt.Sprintf("/proc/%d/ns/net", d.holder.process.Pid) // unshare, sh and sleep are one process
}

// Start runs the engine again, and returns when it listens.
func (d *Dockerd) Start(t testing.TB) {
	t.Helper()
	d.crashed = false
	d.engine = d.run(t, "nsenter", "--net="+d.Namespace, "dockerd", "--host", d.Host, "--containerd", d.dir+"/containerd.sock", "--data-root", d.dir+"/data",
		"--exec-root", d.dir+"/exec", "--pidfile", d.dir+"/pid", "--bridge", "none", "--iptables=false", "--ip6tables=false",
		"--ip-forward=false", "--ip-masq=false")
	listens(t, d.dir+"/docker.sock")
}

// child is a process and the end of it.
type child struct {
	process *os.Process
	ended   chan struct{}
}

func (d *Dockerd) run(t testing.TB, name string, args ...string) *child {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(name, args...)
	command.Stdout, command.Stderr = log, log
	// A test that is killed leaves none behind. The kernel watches the thread that started the process, not the test's
	// process, so that thread is kept for as long.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		goruntime.LockOSThread()
		defer goruntime.UnlockOSThread()
		defer close(ended)
		defer log.Close()
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait() // its exit code says only that it was a signal
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	return &child{command.Process, ended}
}

func listens(t testing.TB, socket string) {
	t.Helper()
	eventually(t, socket+" listens", func() bool {
		connection, err := net.Dial("unix", socket)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
}

// Kill ends the engine as a crash does. Its containers run on until it is started again.
func (d *Dockerd) Kill(t testing.TB) {
	t.Helper()
	d.engine.end(t, syscall.SIGKILL)
	d.crashed = true
	// dockerd left its socket and pid behind: who connects before it listens again would be answered by neither.
	for _, name := range []string{"docker.sock", "pid"} {
		if err := os.Remove(filepath.Join(d.dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// Stop ends the engine as systemd does. It stops its containers first.
func (d *Dockerd) Stop(t testing.TB) {
	t.Helper()
	d.engine.end(t, syscall.SIGTERM)
}

// end sends a signal and waits for the end. A child that was never started, or has ended, is left alone.
func (c *child) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if c == nil {
		return
	}
	select {
	case <-c.ended:
		return
	default:
	}
	if err := c.process.Signal(signal); err != nil {
		t.Error(err)
	}
	<-c.ended
}

// clean stops all that runs and removes all files.
func (d *Dockerd) clean(t testing.TB) {
	if d.crashed { // only the engine stops its containers
		d.Start(t)
	}
	d.engine.end(t, syscall.SIGTERM)
	d.containerd.end(t, syscall.SIGTERM)
	d.holder.end(t, syscall.SIGKILL)
	if t.Failed() {
		if log, err := os.ReadFile(d.dir + "/log"); err == nil {
			t.Logf("log of dockerd and containerd:\n%s", log[max(0, len(log)-4000):])
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(mounts)) { // "<device> <path> <type> …"
		if fields := strings.Fields(line); strings.HasPrefix(fields[1], d.dir+"/") {
			_ = syscall.Unmount(fields[1], syscall.MNT_DETACH)
		}
	}
	if err := os.RemoveAll(d.dir); err != nil {
		t.Error(err)
	}
}
