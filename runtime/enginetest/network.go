package enginetest

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"coracle.dev/coracle/runtime"
)

var networkTests = []test{
	{name: "network", run: ensureNetwork},
	{name: "network addresses", run: addresses},
	{name: "network that is missing", run: networkMissing},
	{name: "network between containers", run: neighbours},
	{name: "shared namespaces", run: sharedNamespaces},
	{name: "dial", run: dial},
	{name: "dial where nothing runs", run: dialIdle},
	{name: "host port that is taken", run: portTaken},
	{name: "host port", run: portPublished, processes: true},
	{name: "network of the host", run: hostNetwork, processes: true},
}

func ensureNetwork(t *testing.T, c contract) {
	if err := c.EnsureNetwork(within(t), c.Network); err != nil {
		t.Errorf("again: %v, want no error", err)
	}
	found, err := c.InspectNetwork(within(t), c.Network.Name)
	if err != nil || found.Name != c.Network.Name || found.Subnet != c.Network.Subnet || found.Labels[runtime.LabelManaged] == "" {
		t.Errorf("inspected: got %+v, %v; want %+v, with the node's label", found, err, c.Network)
	}
	if _, err := c.InspectNetwork(within(t), c.Network.Name+"-missing"); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("inspected where there is none: got %v, want ErrNotFound", err)
	}
	other := c.Network
	other.Subnet = strings.Replace(c.Network.Subnet, "0/24", "0/25", 1)
	if err := c.EnsureNetwork(within(t), other); !errors.Is(err, runtime.ErrUnusable) || !names(err, c.Network.Name, c.Network.Subnet, other.Subnet) {
		t.Errorf("with another subnet: got %v, want both named", err)
	}
	other.Name += "-other"
	if err := c.EnsureNetwork(within(t), other); !errors.Is(err, runtime.ErrUnusable) || !names(err, c.Network.Name, other.Subnet, "overlaps") {
		t.Errorf("overlapping: got %v, want the network in the way", err)
	}
	other.Subnet = "10.200.0.300/24"
	if err := c.EnsureNetwork(within(t), other); err == nil || !names(err, other.Subnet) {
		t.Errorf("bad subnet: got %v, want it named", err)
	}
}

func names(err error, all ...string) bool {
	for _, one := range all {
		if !strings.Contains(err.Error(), one) {
			return false
		}
	}
	return true
}

// on is a container of its own in the network.
func (c contract) on(ip string, args ...string) runtime.ContainerSpec {
	return runtime.ContainerSpec{Args: args, Network: runtime.NetworkAttachment{Name: c.Network.Name, IP: ip}}
}

func addresses(t *testing.T, c contract) {
	ip := c.address()
	first := c.up(t, c.on(ip))
	if found := c.inspect(t, first); found.IP != ip {
		t.Errorf("address %q, want %q", found.IP, ip)
	}
	second := c.create(t, c.on(ip))
	if err := c.StartContainer(within(t), second); err == nil || !strings.Contains(strings.ToLower(err.Error()), "already in use") {
		t.Errorf("a second container with that address: got %v, want it refused", err)
	}
	c.stop(t, first)
	if found := c.inspect(t, first); found.IP != ip {
		t.Errorf("address after the end %q, want %q", found.IP, ip)
	}
	if err := c.StartContainer(within(t), second); err != nil {
		t.Errorf("once the address is free: %v", err)
	}
	outside := c.create(t, c.on("192.0.2.1"))
	if err := c.StartContainer(within(t), outside); err == nil || !names(err, "192.0.2.1", "belong") {
		t.Errorf("an address outside: got %v, want it refused", err)
	}
}

func networkMissing(t *testing.T, c contract) {
	spec := runtime.ContainerSpec{Name: c.name(), Image: c.Image, Network: runtime.NetworkAttachment{Name: c.Prefix + "-none", IP: "10.200.255.9"}}
	id, err := c.CreateContainer(within(t), spec) // engines find out here or at the start
	if err == nil {
		defer func() { _ = c.RemoveContainer(within(t), id) }()
		err = c.StartContainer(within(t), id)
	}
	if !errors.Is(err, runtime.ErrNotFound) || !names(err, spec.Network.Name) {
		t.Errorf("got %v, want ErrNotFound and the network's name", err)
	}
}

func neighbours(t *testing.T, c contract) {
	ip := c.address()
	c.up(t, c.on(ip, "serve", ":80", "hello"))
	client := c.up(t, c.on(c.address()))
	if got := c.exec(t, client, "get", ip+":80"); got != "hello\n" {
		t.Errorf("got %q, want hello", got)
	}
}

func sharedNamespaces(t *testing.T, c contract) {
	ip := c.address()
	owner := c.up(t, c.on(ip))
	shared := runtime.ContainerSpec{Args: []string{"serve", "127.0.0.1:80", "inside"}, Network: runtime.NetworkAttachment{From: owner}, IPCFrom: owner}
	guest := c.up(t, shared)
	other := c.up(t, c.on(c.address()))
	for _, kind := range []string{"net", "ipc"} {
		if a, b := c.exec(t, owner, "ns", kind), c.exec(t, guest, "ns", kind); a != b {
			t.Errorf("%s: %q and %q, want one", kind, a, b)
		}
		if a, b := c.exec(t, owner, "ns", kind), c.exec(t, other, "ns", kind); a == b {
			t.Errorf("%s: %q for a container of its own too", kind, a)
		}
	}
	if got := c.exec(t, owner, "get", "127.0.0.1:80"); got != "inside\n" {
		t.Errorf("over the shared loopback: got %q, want inside", got)
	}
	if found := c.inspect(t, guest); found.IP != "" {
		t.Errorf("the guest's address is %q, want none of its own", found.IP)
	}
	c.stop(t, owner)
	late := c.create(t, shared)
	if err := c.StartContainer(within(t), late); !errors.Is(err, runtime.ErrConflict) {
		t.Errorf("start when the owner has ended: got %v, want ErrConflict", err)
	}
}

func dial(t *testing.T, c contract) {
	owner := c.up(t, c.on(c.address()))
	guest := c.up(t, runtime.ContainerSpec{Args: []string{"serve", "127.0.0.1:80", "inside"}, Network: runtime.NetworkAttachment{From: owner}})
	alone := c.up(t, runtime.ContainerSpec{Args: []string{"serve", "127.0.0.1:80", "alone"}})
	for id, want := range map[string]string{owner: "inside", guest: "inside", alone: "alone"} {
		connection, err := c.Dial(within(t), id, 80)
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		got, err := io.ReadAll(connection)
		if err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
		_ = connection.Close()
	}
	c.printed(t, guest, "served\nserved\n")
	if _, err := c.Dial(within(t), owner, 81); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a port that nobody listens on: got %v, want ECONNREFUSED", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Dial(ctx, owner, 80); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func dialIdle(t *testing.T, c contract) {
	if _, err := c.Dial(within(t), c.create(t, runtime.ContainerSpec{}), 80); !errors.Is(err, runtime.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
	if _, err := c.Dial(within(t), c.name(), 80); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("of none: got %v, want ErrNotFound", err)
	}
}

func portTaken(t *testing.T, c contract) {
	port := freePort(t)
	publish := func() runtime.ContainerSpec {
		spec := c.on(c.address())
		spec.Ports = []runtime.PortBinding{{HostIP: "127.0.0.1", HostPort: port, ContainerPort: 80, Protocol: "tcp"}}
		return spec
	}
	first, second := c.up(t, publish()), c.create(t, publish())
	err := c.StartContainer(within(t), second)
	if err == nil || !names(err, strconv.Itoa(port), "already allocated") {
		t.Errorf("got %v, want that port %d is taken", err, port)
	}
	c.stop(t, first)
	if err := c.StartContainer(within(t), second); err != nil {
		t.Errorf("once it is free: %v", err)
	}
}

func portPublished(t *testing.T, c contract) {
	port := freePort(t)
	spec := c.on(c.address(), "serve", ":80", "published")
	spec.Ports = []runtime.PortBinding{{HostIP: "127.0.0.1", HostPort: port, ContainerPort: 80, Protocol: "tcp"}}
	c.up(t, spec)
	connection, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if got, err := io.ReadAll(connection); err != nil || string(got) != "published" {
		t.Errorf("got %q, %v; want published", got, err)
	}
}

func hostNetwork(t *testing.T, c contract) {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	c.up(t, runtime.ContainerSpec{Args: []string{"serve", address, "host"}, Network: runtime.NetworkAttachment{Host: true}})
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if got, err := io.ReadAll(connection); err != nil || string(got) != "host" {
		t.Errorf("got %q, %v; want host", got, err)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
