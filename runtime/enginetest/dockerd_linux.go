package enginetest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"coracle.dev/coracle/runtime/enginetest/machine"
)

// Dockerd is a Docker Engine of a test's own, on a machine of its own: one that it may kill. Its containers reach each other,
// and nothing outside.
type Dockerd struct {
	// Host is its address, as "unix:///var/tmp/…/docker.sock". It stays the same over restarts.
	Host string

	machine *machine.Machine
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
	dir, err := os.MkdirTemp("/var/tmp", "coracle-dockerd") // on a disk; not t.TempDir: a socket's path may have 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	m, err := machine.Start(context.Background(), machine.Options{Dir: filepath.Join(dir, "engine"), Tethered: true})
	if err != nil {
		t.Fatal(err)
	}
	d := &Dockerd{Host: m.EngineHost(), machine: m}
	t.Cleanup(func() { d.end(t) })
	d.Start(t)
	return d
}

// Within is what makes a command line run on the engine's machine, put before it, in a directory of this machine.
func (d *Dockerd) Within(dir string) []string { return d.machine.Within(dir) }

// Start runs the engine again, and returns when it answers.
func (d *Dockerd) Start(t testing.TB) {
	t.Helper()
	if err := d.machine.StartEngine(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the engine as a crash does. Its containers run on until it is started again.
func (d *Dockerd) Kill(t testing.TB) { d.signal(t, syscall.SIGKILL) }

// Stop ends the engine as systemd does. It stops its containers first.
func (d *Dockerd) Stop(t testing.TB) { d.signal(t, syscall.SIGTERM) }

func (d *Dockerd) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := d.machine.SignalService(context.Background(), machine.Dockerd, signal); err != nil {
		t.Error(err)
	}
}

// end stops all that runs. A test that failed shows the engine's log.
func (d *Dockerd) end(t testing.TB) {
	if t.Failed() {
		if log, err := os.ReadFile(filepath.Join(d.machine.Dir, machine.Dockerd.Name+".log")); err == nil {
			t.Logf("the engine's log:\n%s", log[max(0, len(log)-4000):])
		}
	}
	if err := d.machine.Off(); err != nil {
		t.Error(err)
	}
}
