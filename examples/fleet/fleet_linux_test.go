package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"coracle.dev/coracle/examples/fleet"
	"coracle.dev/coracle/runtime/enginetest/machine"
)

// options are those of a fleet that disturbs no other on this machine.
func options(t *testing.T) fleet.Options {
	t.Helper()
	if err := fleet.Check(); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("/var/tmp", "coracle-fleet") // on a disk, and short, as sockets want it
	if err != nil {
		t.Fatal(err)
	}
	o := fleet.Options{
		Dir: dir, Link: fmt.Sprintf("fleet%d", os.Getpid()), Network: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 98, byte(os.Getpid()), 0}), 24),
		Machines: []string{"one", "two"}, Coracle: "../../bin/coracle", Serve: []string{"--dir", "/etc/empty"}, Tethered: true,
	}
	t.Cleanup(func() {
		if err := fleet.Down(dir); err != nil {
			t.Error(err)
		}
		if left := traces(t, o); len(left) > 0 {
			t.Errorf("left of the fleet: %q", left)
		}
	})
	return o
}

// traces are what there is of a fleet on this machine.
func traces(t *testing.T, o fleet.Options) []string {
	t.Helper()
	var found []string
	if _, err := os.Stat(o.Dir); err == nil {
		found = append(found, o.Dir)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	check(t, err)
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, o.Dir) {
			found = append(found, "mount "+line)
		}
	}
	if _, err := net.InterfaceByName(o.Link); err == nil {
		found = append(found, "link "+o.Link)
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*", "/sys/fs/cgroup/*/*"} {
		cgroups, err := filepath.Glob(pattern + filepath.Base(o.Dir))
		check(t, err)
		found = append(found, cgroups...)
	}
	machines, err := machine.FindAll(o.Dir)
	check(t, err)
	for _, m := range machines {
		found = append(found, "machine "+m.Name())
	}
	return found
}

// inhabitants are the processes in the network namespaces, of containers too if they are in their machine's.
func inhabitants(t *testing.T, namespaces []string) []string {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	check(t, err)
	var found []string
	for _, process := range processes {
		if at, err := os.Readlink(process + "/ns/net"); err == nil && slices.Contains(namespaces, at) {
			found = append(found, process)
		}
	}
	return found
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever became of a fleet, Down leaves nothing of it, and New begins again.
func TestDownLeavesNothing(t *testing.T) {
	o := options(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	f, err := fleet.New(o)
	check(t, err)
	check(t, f.PowerOn(ctx))
	machines, err := machine.FindAll(o.Dir)
	check(t, err)
	var namespaces []string
	for _, m := range machines {
		at, err := os.Readlink(m.Namespace())
		check(t, err)
		namespaces = append(namespaces, at)
	}
	if len(namespaces) != 3 || len(inhabitants(t, namespaces)) == 0 {
		t.Fatalf("a switch and two machines run, in %q", namespaces)
	}

	// Half of it crashed.
	kill(t, machines[0])
	kill(t, machines[2])
	check(t, fleet.Down(o.Dir))
	if left := append(traces(t, o), inhabitants(t, namespaces)...); len(left) > 0 {
		t.Fatalf("left of the fleet: %q", left)
	}
	check(t, fleet.Down(o.Dir)) // a second time

	// What is left of another is no obstacle.
	f, err = fleet.New(o)
	check(t, err)
	check(t, f.PowerOn(ctx))
	f, err = fleet.New(o)
	check(t, err)
	if left, err := machine.FindAll(o.Dir); err != nil || len(left) > 0 {
		t.Errorf("machines of the fleet before: %v, %v", left, err)
	}
	if _, err := f.Machine("three"); err == nil {
		t.Error("found a machine that there is none")
	}
}

// kill ends a machine as nobody should: its network and cgroups are not seen to.
func kill(t *testing.T, m *machine.Machine) {
	t.Helper()
	var id int
	if _, err := fmt.Sscanf(m.Path("/"), "/proc/%d/root", &id); err != nil {
		t.Fatal(err)
	}
	check(t, syscall.Kill(id, syscall.SIGKILL))
}

func TestDownRefusesWhatIsNoFleet(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "thesis.txt")
	check(t, os.WriteFile(precious, []byte("years of work"), 0o600))
	if err := fleet.Down(dir); err == nil || !strings.Contains(err.Error(), "holds no fleet") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
	if _, err := fleet.Open(dir); !errors.Is(err, fleet.ErrNone) {
		t.Errorf("open what is no fleet: %v", err)
	}
}
