package enginetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coracle.dev/coracle/runtime"
)

var configTests = []test{
	{name: "command line", run: commandLine},
	{name: "environment", run: environment},
	{name: "working directory and host name", run: place},
	{name: "user and groups", run: user, processes: true},
	{name: "read-only root", run: readOnly, processes: true},
	{name: "mounts", run: mounts, processes: true},
	{name: "mount of a missing path", run: mountMissing, processes: true},
	{name: "hosts", run: hosts, processes: true},
	{name: "privileges", run: privileges, processes: true},
	{name: "resources", run: resources},
}

// says runs a container to its end and returns its stdout.
func (c contract) says(t testing.TB, spec runtime.ContainerSpec) string {
	t.Helper()
	id := c.start(t, spec)
	if found := c.exited(t, id); found.ExitCode != 0 {
		_, stderr := c.logs(t, id, runtime.LogOptions{})
		t.Fatalf("code %d: %s", found.ExitCode, stderr)
	}
	stdout, _ := c.logs(t, id, runtime.LogOptions{})
	return stdout
}

func commandLine(t *testing.T, c contract) {
	if got := c.says(t, runtime.ContainerSpec{Args: []string{"echo", "a b", "$HOME", `"c"`}}); got != "a b $HOME \"c\"\n" {
		t.Errorf("args: got %q, want them as they are", got)
	}
	if got := c.says(t, runtime.ContainerSpec{Entrypoint: []string{"/app", "echo"}, Args: []string{"x"}}); got != "x\n" {
		t.Errorf("entrypoint and args: got %q, want x", got)
	}
	// The image's command is "sleep": it would be printed if it were kept.
	if got := c.says(t, runtime.ContainerSpec{Entrypoint: []string{"/app", "echo"}}); got != "\n" {
		t.Errorf("entrypoint only: got %q, want an empty line", got)
	}
}

func environment(t *testing.T, c contract) {
	got := c.says(t, runtime.ContainerSpec{Args: []string{"env", "A", "B", "C"}, Env: []string{"A=1", "B=x=y z", "A=2"}})
	if got != "2\nx=y z\n\n" {
		t.Errorf("got %q, want 2, x=y z and nothing", got)
	}
}

func place(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{WorkingDir: "/proc", Hostname: "web-0"})
	if got := c.exec(t, id, "pwd"); got != "/proc\n" {
		t.Errorf("working directory %q, want /proc", got)
	}
	if got := c.exec(t, id, "name"); got != "web-0\n" {
		t.Errorf("host name %q, want web-0", got)
	}
}

func user(t *testing.T, c contract) {
	if got := c.says(t, runtime.ContainerSpec{Args: []string{"id"}, User: "1001:1002", Groups: []string{"1003"}}); got != "1001:1002 [1003]\n" && got != "1001:1002 [1002 1003]\n" {
		t.Errorf("got %q, want 1001:1002 in group 1003", got)
	}
	id := c.create(t, runtime.ContainerSpec{User: "nobodyhere"})
	if err := c.StartContainer(within(t), id); err == nil || !names(err, "nobodyhere") {
		t.Errorf("unknown user: got %v, want it named", err)
	}
}

func readOnly(t *testing.T, c contract) {
	id := c.up(t, runtime.ContainerSpec{ReadOnlyRootFS: true, Mounts: []runtime.Mount{{Target: "/scratch", SizeBytes: 1 << 20}}})
	c.exec(t, id, "write", "/scratch/x", "kept")
	if got := c.exec(t, id, "read", "/scratch/x"); got != "kept" {
		t.Errorf("on the tmpfs: %q, want kept", got)
	}
	code, err := c.Exec(within(t), id, []string{"/app", "write", "/x", "lost"}, runtime.Streams{})
	if code != 1 || err != nil {
		t.Errorf("write to the root: code %d, error %v; want it refused", code, err)
	}
	if got := c.exec(t, id, "read", "/proc/self/mounts"); !strings.Contains(got, "size=1024k") {
		t.Errorf("mounts %q: want a tmpfs of 1 MiB", got)
	}
}

func mounts(t *testing.T, c contract) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte("from outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	id := c.up(t, runtime.ContainerSpec{Mounts: []runtime.Mount{
		{HostPath: dir, Target: "/rw"},
		{HostPath: filepath.Join(dir, "in"), Target: "/etc/file", ReadOnly: true},
	}})
	if got := c.exec(t, id, "read", "/etc/file"); got != "from outside" {
		t.Errorf("a file: %q, want that of the machine", got)
	}
	c.exec(t, id, "write", "/rw/out", "from inside")
	if got, err := os.ReadFile(filepath.Join(dir, "out")); err != nil || string(got) != "from inside" {
		t.Errorf("on the machine: %q, %v", got, err)
	}
	if code, err := c.Exec(within(t), id, []string{"/app", "write", "/etc/file", "no"}, runtime.Streams{}); code != 1 || err != nil {
		t.Errorf("write to the read-only file: code %d, error %v; want it refused", code, err)
	}
}

func mountMissing(t *testing.T, c contract) {
	path := filepath.Join(t.TempDir(), "none")
	name := c.name()
	_, err := c.CreateContainer(within(t), runtime.ContainerSpec{Name: name, Image: c.Image, Mounts: []runtime.Mount{{HostPath: path, Target: "/x"}}})
	if err == nil || !names(err, path, "does not exist") {
		t.Errorf("got %v, want the path", err)
	}
}

func hosts(t *testing.T, c contract) {
	spec := c.on(c.address(), "read", "/etc/hosts")
	spec.Hosts = []string{"192.0.2.7 database", "192.0.2.8 cache"}
	got := strings.Fields(c.says(t, spec))
	if text := strings.Join(got, " "); !strings.Contains(text, "192.0.2.7 database") || !strings.Contains(text, "192.0.2.8 cache") {
		t.Errorf("/etc/hosts has %q", text)
	}
}

func privileges(t *testing.T, c contract) {
	for name, test := range map[string]struct {
		spec runtime.ContainerSpec
		want string
	}{
		"no new ones":    {runtime.ContainerSpec{NoNewPrivileges: true}, "NoNewPrivs:\t1"},
		"all dropped":    {runtime.ContainerSpec{CapDrop: []string{"ALL"}}, "CapEff:\t0000000000000000"},
		"all but one":    {runtime.ContainerSpec{CapDrop: []string{"ALL"}, CapAdd: []string{"NET_ADMIN"}}, "CapEff:\t0000000000001000"},
		"OOM adjustment": {runtime.ContainerSpec{Resources: runtime.Resources{OOMScoreAdj: 345}}, "345\n"},
	} {
		file := "/proc/self/status"
		if name == "OOM adjustment" {
			file = "/proc/self/oom_score_adj"
		}
		test.spec.Args = []string{"read", file}
		if got := c.says(t, test.spec); !strings.Contains(got, test.want) {
			t.Errorf("%s: want %q in %q", name, test.want, got)
		}
	}
}

func resources(t *testing.T, c contract) {
	if c.Resources == nil {
		return
	}
	want := runtime.Resources{
		CPUShares: 512, CPUQuotaMicros: 50_000, MemoryLimitBytes: 64 << 20, MemoryReservation: 32 << 20, PidsLimit: 77, OOMScoreAdj: 100,
	}
	id := c.up(t, runtime.ContainerSpec{Resources: want})
	if diff := cmp.Diff(want, c.Resources(t, id)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
