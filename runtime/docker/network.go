package docker

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"

	"github.com/docker/docker/api/types/network"

	"coracle.dev/coracle/runtime"
)

// InspectNetwork also finds networks that others made.
func (e *Engine) InspectNetwork(ctx context.Context, name string) (runtime.Network, error) {
	there, err := e.network(ctx, name)
	if err != nil {
		return runtime.Network{}, err
	}
	found := runtime.Network{Name: there.Name, Labels: there.Labels}
	if all := subnets(there); there.Driver == "bridge" && len(all) > 0 && all[0].Addr().Is4() {
		found.Subnet = all[0].String()
	}
	return found, nil
}

// EnsureNetwork makes a bridge whose containers reach each other, and the world behind the machine's address.
func (e *Engine) EnsureNetwork(ctx context.Context, wanted runtime.Network) error {
	subnet, err := netip.ParsePrefix(wanted.Subnet)
	if err != nil {
		return fmt.Errorf("network %s: %w", wanted.Name, err)
	}
	there, err := e.network(ctx, wanted.Name)
	if err == nil {
		return sameSubnet(there, subnet)
	}
	if !errors.Is(err, runtime.ErrNotFound) {
		return err
	}
	err = e.do(ctx, writeDeadline, "create network "+wanted.Name, func(ctx context.Context) error {
		_, err := e.client.NetworkCreate(ctx, wanted.Name, bridge(wanted, subnet.Masked(), e.options.NodeName))
		return err
	})
	if err == nil {
		return nil
	}
	if there, again := e.network(ctx, wanted.Name); again == nil { // another call made it meanwhile
		return sameSubnet(there, subnet)
	}
	if other := e.overlapping(ctx, subnet); other != "" {
		return unusable(fmt.Sprintf("create network %s: subnet %s overlaps with %s: choose another Pod CIDR, or remove that network", wanted.Name, subnet, other))
	}
	return err
}

func bridge(wanted runtime.Network, subnet netip.Prefix, nodeName string) network.CreateOptions {
	return network.CreateOptions{
		Driver: "bridge",
		IPAM: &network.IPAM{Config: []network.IPAMConfig{{
			Subnet:  subnet.String(),
			Gateway: subnet.Addr().Next().String(),
		}}},
		Labels: labels(wanted.Labels, nodeName),
		Options: map[string]string{
			"com.docker.network.bridge.name":                 bridgeName(wanted.Name),
			"com.docker.network.bridge.enable_icc":           "true",
			"com.docker.network.bridge.enable_ip_masquerade": "true",
		},
	}
}

// bridgeName is the interface on the machine: always the same for a network, so that firewall rules can name it, and
// within the 15 characters that Linux allows.
func bridgeName(name string) string {
	return fmt.Sprintf("co-%x", sha256.Sum256([]byte(name)))[:15]
}

// network finds one by its exact name, or returns ErrNotFound.
func (e *Engine) network(ctx context.Context, name string) (network.Inspect, error) {
	var found network.Inspect
	err := e.do(ctx, readDeadline, "inspect network "+name, func(ctx context.Context) (err error) {
		found, err = e.client.NetworkInspect(ctx, name, network.InspectOptions{})
		if err == nil && found.Name != name { // the engine also matches the beginning of an id
			err = runtime.ErrNotFound
		}
		return err
	})
	return found, err
}

func sameSubnet(there network.Inspect, subnet netip.Prefix) error {
	for _, prefix := range subnets(there) {
		if prefix == subnet.Masked() {
			return nil
		}
	}
	return unusable(fmt.Sprintf("network %s is there with subnet %v, not %s: remove it, or configure that Pod CIDR", there.Name, subnets(there), subnet))
}

// overlapping names the network in the way, or "".
func (e *Engine) overlapping(ctx context.Context, subnet netip.Prefix) string {
	var all []network.Summary
	err := e.do(ctx, readDeadline, "list networks", func(ctx context.Context) (err error) {
		all, err = e.client.NetworkList(ctx, network.ListOptions{})
		return err
	})
	if err != nil {
		return "" // the error of the creation says enough
	}
	for _, other := range all {
		for _, prefix := range subnets(other) {
			if prefix.Overlaps(subnet) {
				return fmt.Sprintf("%s of network %s", prefix, other.Name)
			}
		}
	}
	return ""
}

func subnets(n network.Inspect) []netip.Prefix {
	var all []netip.Prefix
	for _, config := range n.IPAM.Config {
		if prefix, err := netip.ParsePrefix(config.Subnet); err == nil {
			all = append(all, prefix.Masked())
		}
	}
	return all
}
