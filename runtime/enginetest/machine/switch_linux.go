package machine

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Switch connects machines, and this one, with cables. It is in a network namespace of its own, a machine without anything
// on it, so that the firewall of this machine does not see what the others say to each other.
type Switch struct{ *Machine }

const (
	bridgeName = "switch"
	cableEnd   = "eth0" // what a machine calls its end of the cable; the switch calls the other by the machine's name
	uplinkName = "uplink"
)

// NewSwitch makes a switch of a machine that has just been started.
func NewSwitch(m *Machine) (*Switch, error) {
	s := &Switch{m}
	return s, s.do(func(n *netlink.Handle) error {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = bridgeName
		if err := n.LinkAdd(&netlink.Bridge{LinkAttrs: attributes}); err != nil {
			return fmt.Errorf("add the bridge: %w", err)
		}
		return setUp(n, bridgeName)
	})
}

// do runs a function on the switch's network.
func (s *Switch) do(act func(*netlink.Handle) error) error {
	err := onNetwork(s.Namespace(), act)
	if err != nil {
		return fmt.Errorf("switch %s: %w", s.Name(), err)
	}
	return nil
}

// Uplink connects this machine: it gets a link of that name, with an address. One that a switch left behind is replaced.
func (s *Switch) Uplink(link string, address netip.Prefix) error {
	if err := RemoveLink(link); err != nil {
		return err
	}
	here, err := netns.Get()
	if err != nil {
		return fmt.Errorf("open this machine's network: %w", err)
	}
	defer here.Close()
	if err := s.lay(uplinkName, link, here, address.Addr()); err != nil {
		return err
	}
	return configure(&netlink.Handle{}, link, address)
}

// RemoveLink removes a link of this machine, and with it the other end of the cable. Without one there is nothing to do.
func RemoveLink(name string) error {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err == nil {
		err = ignore(netlink.LinkDel(link), syscall.ENODEV) // gone meanwhile, with its other end
	}
	if err != nil {
		return fmt.Errorf("remove link %s: %w", name, err)
	}
	return nil
}

// Plug connects a machine, gives it the address, of IPv4, and sends by way of the gateway what is for others.
func (s *Switch) Plug(m *Machine, address netip.Prefix, gateway netip.Addr) error {
	there, err := netns.GetFromPath(m.Namespace())
	if err != nil {
		return fmt.Errorf("open the network of machine %s: %w", m.Name(), err)
	}
	defer there.Close()
	if err := s.lay(m.Name(), cableEnd, there, address.Addr()); err != nil {
		return err
	}
	return onNetwork(m.Namespace(), func(n *netlink.Handle) error {
		if err := configure(n, cableEnd, address); err != nil {
			return err
		}
		if err := n.RouteAdd(&netlink.Route{Gw: gateway.AsSlice()}); err != nil {
			return fmt.Errorf("add the route of machine %s: %w", m.Name(), err)
		}
		return nil
	})
}

// lay makes a cable from a port of the switch to a link of another network. The link's hardware address goes with its IP address:
// another one would be unreachable until the others have forgotten the last.
func (s *Switch) lay(port, link string, network netns.NsHandle, address netip.Addr) error {
	return s.do(func(n *netlink.Handle) error {
		bridge, err := n.LinkByName(bridgeName)
		if err != nil {
			return fmt.Errorf("find the bridge: %w", err)
		}
		attributes := netlink.NewLinkAttrs()
		attributes.Name, attributes.MasterIndex = port, bridge.Attrs().Index
		cable := &netlink.Veth{
			LinkAttrs: attributes, PeerName: link, PeerNamespace: netlink.NsFd(network),
			PeerHardwareAddr: append(net.HardwareAddr{2, 0}, address.AsSlice()...), // 2: given locally
		}
		if err := n.LinkAdd(cable); err != nil {
			return fmt.Errorf("lay a cable to %s: %w", port, err)
		}
		return setUp(n, port)
	})
}

// Unplug removes the cable of a machine, which may have no power any more.
func (s *Switch) Unplug(name string) error {
	return s.do(func(n *netlink.Handle) error {
		port, err := n.LinkByName(name)
		if errors.As(err, &netlink.LinkNotFoundError{}) {
			return nil // the kernel removes it with the other end
		}
		if err == nil {
			err = n.LinkDel(port)
		}
		if err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("unplug %s: %w", name, err)
		}
		return nil
	})
}

// Cut takes the connection from a machine; Mend gives it back. Both ends of the cable stay.
func (s *Switch) Cut(name string) error {
	return s.do(func(n *netlink.Handle) error {
		port, err := n.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find the cable of %s: %w", name, err)
		}
		if err := n.LinkSetDown(port); err != nil {
			return fmt.Errorf("cut the cable of %s: %w", name, err)
		}
		return nil
	})
}

// Mend undoes Cut.
func (s *Switch) Mend(name string) error {
	return s.do(func(n *netlink.Handle) error { return setUp(n, name) })
}

// onNetwork runs a function with a connection to the kernel about a network namespace.
func onNetwork(path string, act func(*netlink.Handle) error) error {
	namespace, err := netns.GetFromPath(path)
	if err != nil {
		return fmt.Errorf("open network %s: %w", path, err)
	}
	defer namespace.Close()
	handle, err := netlink.NewHandleAt(namespace)
	if err != nil {
		return fmt.Errorf("reach network %s: %w", path, err)
	}
	defer handle.Close()
	return act(handle)
}

func setUp(n *netlink.Handle, name string) error {
	link, err := n.LinkByName(name)
	if err == nil {
		err = n.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	return nil
}

func configure(n *netlink.Handle, name string, address netip.Prefix) error {
	link, err := n.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	network := &net.IPNet{IP: address.Addr().AsSlice(), Mask: net.CIDRMask(address.Bits(), address.Addr().BitLen())}
	if err := n.AddrAdd(link, &netlink.Addr{IPNet: network}); err != nil {
		return fmt.Errorf("give %s the address %s: %w", name, address, err)
	}
	return setUp(n, name)
}
