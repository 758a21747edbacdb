package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"coracle.dev/coracle/runtime"
)

// podNetwork is what is known of the Pods' network on this machine.
type podNetwork struct {
	mu    sync.Mutex
	found string        // subnet of the network that the engine had before; "" is none
	cidr  string        // the subnet that it should have; "" while that is not known
	err   error         // why it can't be made
	ready chan struct{} // closed once it was there
}

func newPodNetwork() *podNetwork { return &podNetwork{ready: make(chan struct{})} }

func (p *podNetwork) get() (found, cidr string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found, p.cidr, p.err
}

// made takes in the outcome of making the network; nil is that it is there.
func (p *podNetwork) made(cidr string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cidr, p.err = cidr, err
	if err != nil {
		return
	}
	select {
	case <-p.ready:
	default:
		close(p.ready)
	}
}

// misfit is runtime.ErrUnusable in words of its own.
type misfit string

func (m misfit) Error() string   { return string(m) }
func (m misfit) Is(e error) bool { return e == runtime.ErrUnusable }

// findNetwork looks at what the engine has by the network's name, before this node is known to the API. One that another node has
// made is left alone: two nodes would give its addresses out twice.
func (n *Node) findNetwork(ctx context.Context) error {
	found, err := n.Engine.InspectNetwork(ctx, n.Network)
	if errors.Is(err, runtime.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for network %s: %w", n.Network, err)
	}
	if owner := found.Labels[runtime.LabelManaged]; owner != "" && owner != n.Name {
		return misfit(fmt.Sprintf("network %[1]s on this container engine belongs to node %[2]s, and this node is %[3]s: an engine has one node, so go on "+
			"as --node-name %[2]s; or, if that is no more, remove its containers (label %[4]s=%[2]s) and the network", n.Network, owner, n.Name, runtime.LabelManaged))
	}
	n.network.mu.Lock()
	defer n.network.mu.Unlock()
	n.network.found = found.Subnet
	return nil
}

// useNetwork has the engine make the network with the subnet that the API has for this node.
func (n *Node) useNetwork(ctx context.Context, cidr string) error {
	if _, known, err := n.network.get(); known == cidr && err == nil && cidr != "" {
		return nil
	}
	err := n.addresses.use(cidr)
	if err == nil && n.CheckCIDR != nil {
		err = n.CheckCIDR(cidr)
	}
	if err != nil {
		n.network.made("", misfit(err.Error()))
		return misfit(err.Error())
	}
	return n.makeNetwork(ctx, cidr)
}

func (n *Node) makeNetwork(ctx context.Context, cidr string) error {
	err := n.Engine.EnsureNetwork(ctx, runtime.Network{
		Name: n.Network, Subnet: cidr, Labels: map[string]string{runtime.LabelManaged: n.Name},
	})
	if err != nil {
		err = fmt.Errorf("make network %s: %w", n.Network, err)
	}
	n.network.made(cidr, err)
	return err
}

// networked says whether the network was ever there.
func (n *Node) networked() bool {
	select {
	case <-n.network.ready:
		return true
	default:
		return false
	}
}

// fail ends Run: this node can't begin, and waiting does not help.
func (n *Node) fail(err error) {
	select {
	case n.failed <- err:
	default: // it fails already
	}
}
