package enginetest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coracle.dev/coracle/runtime"
)

// Options say what the engine under test has, and what may be asked of it.
type Options struct {
	// Prefix begins the names of all containers and networks.
	Prefix string
	// NodeName is the value of LabelManaged that the engine puts on its containers.
	NodeName string
	// Image is a reference on the engine whose entrypoint is /app (package app) and whose command is "sleep".
	Image string
	// Network is there with that subnet, of /24.
	Network runtime.Network
	// Pulls are references to try.
	Pulls Pulls
	// Processes says that containers are processes of Linux: what the kernel does for them is then tested too.
	Processes bool
	// Resources reads back, from the engine or its cgroups, what a container got. Nil: it is not tested.
	Resources func(t testing.TB, id string) runtime.Resources
}

// Pulls are what registries have and have not. Empty ones are not tried.
type Pulls struct {
	Good    string // an image that is not on the engine yet
	Missing string // its registry has no such tag
	Private string // its registry wants Auth
	Auth    *runtime.RegistryAuth
	Broken  string // begins well, then the registry fails
}

// contract is what the tests share.
type contract struct {
	runtime.Engine
	Options
	names, addresses *atomic.Int64
}

// tests of the contract, by the file that they are in. Those of processes want Options.Processes.
var tests = [][]test{lifecycleTests, inspectTests, eventTests, logTests, execTests, attachTests, networkTests, imageTests, configTests, concurrencyTests}

type test struct {
	name      string
	run       func(*testing.T, contract)
	processes bool
}

// Run tests an engine, in parallel subtests. newEngine is called once; what the tests create is removed.
func Run(t *testing.T, newEngine func(*testing.T) runtime.Engine, options Options) {
	c := contract{newEngine(t), options, new(atomic.Int64), new(atomic.Int64)}
	c.addresses.Store(10)
	for _, group := range tests {
		for _, test := range group {
			if test.processes && !options.Processes {
				continue
			}
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.run(t, c)
			})
		}
	}
}

// patience is for what an engine does soon, on a machine that is busy.
const patience = 60 * time.Second

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// name is a new one for a container.
func (c contract) name() string { return fmt.Sprintf("%s-%d", c.Prefix, c.names.Add(1)) }

// address is a new one in the network.
func (c contract) address() string {
	return strings.TrimSuffix(c.Network.Subnet, "0/24") + fmt.Sprint(c.addresses.Add(1))
}

// create makes a container of the test image, unless the spec names another, and removes it after the test.
func (c contract) create(t testing.TB, spec runtime.ContainerSpec) string {
	t.Helper()
	if spec.Name == "" {
		spec.Name = c.name()
	}
	if spec.Image == "" {
		spec.Image = c.Image
	}
	id, err := c.CreateContainer(within(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.RemoveContainer(within(t), id); err != nil {
			t.Error(err)
		}
	})
	return id
}

func (c contract) start(t testing.TB, spec runtime.ContainerSpec) string {
	t.Helper()
	id := c.create(t, spec)
	if err := c.StartContainer(within(t), id); err != nil {
		t.Fatal(err)
	}
	return id
}

// run starts a command of package app and waits until it has ended.
func (c contract) run(t testing.TB, args ...string) string {
	t.Helper()
	id := c.start(t, runtime.ContainerSpec{Args: args})
	c.exited(t, id)
	return id
}

// up starts a command that prints "up" and waits until it has.
func (c contract) up(t testing.TB, spec runtime.ContainerSpec) string {
	t.Helper()
	id := c.start(t, spec)
	c.printed(t, id, "up\n")
	return id
}

func (c contract) inspect(t testing.TB, id string) runtime.Container {
	t.Helper()
	found, err := c.InspectContainer(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (c contract) exited(t testing.TB, id string) (found runtime.Container) {
	t.Helper()
	eventually(t, "container has exited", func() bool {
		found = c.inspect(t, id)
		return found.State == runtime.StateExited
	})
	return found
}

func (c contract) printed(t testing.TB, id, text string) {
	t.Helper()
	eventually(t, fmt.Sprintf("container has printed %q", text), func() bool {
		stdout, _ := c.logs(t, id, runtime.LogOptions{})
		return strings.Contains(stdout, text)
	})
}

func (c contract) logs(t testing.TB, id string, options runtime.LogOptions) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	if err := c.Logs(within(t), id, options, &out, &err); err != nil {
		t.Fatal(err)
	}
	return out.String(), err.String()
}

// exec runs a command in a container and returns its stdout; it must succeed.
func (c contract) exec(t testing.TB, id string, args ...string) string {
	t.Helper()
	var out, problem bytes.Buffer
	code, err := c.Exec(within(t), id, append([]string{"/app"}, args...), runtime.Streams{Stdout: &out, Stderr: &problem})
	if err != nil || code != 0 {
		t.Fatalf("exec %q: code %d, error %v, stderr %q", args, code, err, problem.String())
	}
	return out.String()
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-poll.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}
