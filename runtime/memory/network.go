package memory

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"

	"coracle.dev/coracle/runtime"
)

// network is one that EnsureNetwork made.
type network struct {
	subnet netip.Prefix
	labels map[string]string
	taken  map[string]*box // addresses of running containers
}

// space is a network namespace: of one running container and those that share it.
type space struct {
	owner     *box
	members   []*box // running, in the order of their starts
	listeners map[int]*listener
}

func (e *Engine) InspectNetwork(ctx context.Context, name string) (found runtime.Network, err error) {
	err = e.do(ctx, call{method: "InspectNetwork"}, func() error {
		n := e.networks[name]
		if n == nil {
			return fmt.Errorf("network %s: %w", name, runtime.ErrNotFound)
		}
		found = runtime.Network{Name: name, Subnet: n.subnet.String(), Labels: maps.Clone(n.labels)}
		return nil
	})
	return found, err
}

func (e *Engine) EnsureNetwork(ctx context.Context, wanted runtime.Network) error {
	subnet, err := netip.ParsePrefix(wanted.Subnet)
	if err != nil {
		return fmt.Errorf("network %s: %w", wanted.Name, err)
	}
	subnet = subnet.Masked()
	return e.do(ctx, call{method: "EnsureNetwork"}, func() error {
		for name, other := range e.networks {
			switch {
			case name == wanted.Name && other.subnet == subnet:
				return nil
			case name == wanted.Name:
				return unusable{fmt.Sprintf("network %s is there with subnet %s, not %s", name, other.subnet, subnet)}
			}
		}
		for name, other := range e.networks {
			if other.subnet.Overlaps(subnet) {
				return unusable{fmt.Sprintf("create network %s: subnet %s overlaps with %s of network %s", wanted.Name, subnet, other.subnet, name)}
			}
		}
		labels := map[string]string{runtime.LabelManaged: e.nodeName}
		maps.Copy(labels, wanted.Labels)
		e.networks[wanted.Name] = &network{subnet: subnet, labels: labels, taken: map[string]*box{}}
		return nil
	})
}

// unusable is runtime.ErrUnusable in words of its own.
type unusable struct{ message string }

func (u unusable) Error() string   { return u.message }
func (u unusable) Is(e error) bool { return e == runtime.ErrUnusable }

// join gives a container that starts its network, address and ports, or none of them and an error.
func (e *Engine) join(b *box) error {
	if from := b.spec.IPCFrom; from != "" {
		if _, err := e.getRunning(from); err != nil {
			return fmt.Errorf("cannot join the IPC namespace: %w", err)
		}
	}
	if from := b.spec.Network.From; from != "" {
		owner, err := e.getRunning(from)
		if err != nil {
			return fmt.Errorf("cannot join the network: %w", err)
		}
		b.space = owner.space
		b.space.members = append(b.space.members, b)
		return nil
	}
	for _, port := range b.spec.Ports {
		port.ContainerPort = 0
		if other := e.hostPorts[port]; other != nil {
			return fmt.Errorf("bind for %s:%d failed: port is already allocated to container %s", port.HostIP, port.HostPort, other.Name)
		}
	}
	if err := e.address(b); err != nil {
		return err
	}
	for _, port := range b.spec.Ports {
		port.ContainerPort = 0
		e.hostPorts[port] = b
	}
	b.space = &space{owner: b, members: []*box{b}}
	return nil
}

// address takes the container's fixed address in its network.
func (e *Engine) address(b *box) error {
	wanted := b.spec.Network
	if wanted.Name == "" {
		return nil
	}
	network := e.networks[wanted.Name]
	if network == nil {
		return fmt.Errorf("network %s: %w", wanted.Name, runtime.ErrNotFound)
	}
	ip, err := netip.ParseAddr(wanted.IP)
	switch {
	case err != nil:
		return fmt.Errorf("address in network %s: %w", wanted.Name, err)
	case !network.subnet.Contains(ip):
		return fmt.Errorf("invalid address %s: it does not belong to subnet %s of network %s", ip, network.subnet, wanted.Name)
	case ip == network.subnet.Addr().Next():
		return fmt.Errorf("address %s already in use: it is the gateway of network %s", ip, wanted.Name)
	}
	if other := network.taken[wanted.IP]; other != nil {
		return fmt.Errorf("address %s already in use by container %s", ip, other.Name)
	}
	network.taken[wanted.IP] = b
	return nil
}

// leave gives back what join took, and closes what the container's processes listened on.
func (e *Engine) leave(b *box) {
	s := b.space
	b.space = nil
	s.members = slices.DeleteFunc(s.members, func(other *box) bool { return other == b })
	for port, l := range s.listeners {
		if l.box == b {
			delete(s.listeners, port)
			l.shut()
		}
	}
	if b.spec.Network.From != "" {
		return
	}
	for _, port := range b.spec.Ports {
		port.ContainerPort = 0
		delete(e.hostPorts, port)
	}
	if n := e.networks[b.spec.Network.Name]; n != nil {
		delete(n.taken, b.spec.Network.IP)
	}
}

func (e *Engine) Dial(ctx context.Context, id string, port int) (connection net.Conn, err error) {
	err = e.do(ctx, e.about("Dial", id), func() error {
		b, err := e.getRunning(id)
		if err == nil {
			connection, err = e.connect(b, port)
		}
		return err
	})
	return connection, err
}

// connect reaches the program that listens on the port in the container's namespace, else the scripted process there.
func (e *Engine) connect(b *box, port int) (net.Conn, error) {
	if l := b.space.listeners[port]; l != nil {
		return l.dial()
	}
	now := e.clock.Now()
	for _, member := range append([]*box{b}, b.space.members...) {
		if member.Image == runtime.SandboxImage || member.script.Program != nil || !member.script.ready(now.Sub(member.Started)) {
			continue
		}
		client, server := net.Pipe()
		go respond(server, member.Name, member.script.Handler)
		return client, nil
	}
	return nil, fmt.Errorf("dial port %d of container %s: %w", port, b.Name, syscall.ECONNREFUSED)
}

// reach is connect by address, from within container b.
func (e *Engine) reach(b *box, address string) (net.Conn, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(service)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ip := net.ParseIP(host); ip.IsLoopback() && b.space != nil {
		return e.connect(b, port)
	}
	for _, n := range e.networks {
		if owner := n.taken[host]; owner != nil {
			return e.connect(owner, port)
		}
	}
	return nil, fmt.Errorf("dial %s: %w", address, syscall.EHOSTUNREACH)
}
