package apiserver

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/dryrun"
)

// nodeBits is the length of a node's Pod network: a /24, for 253 Pods.
const nodeBits = 24

// podCIDRs gives each Node its part of the Pods' network in the write that makes the Node, so that no two have the same and no
// node waits for it. What is taken is read from the stored Nodes at start.
type podCIDRs struct {
	cluster netip.Prefix // invalid: Nodes get none, and may have any

	mu    sync.Mutex
	taken map[string]netip.Prefix // by node
	next  uint32                  // in turn: a node that comes back finds its own free as long as can be
}

func newPodCIDRs(cluster netip.Prefix) *podCIDRs {
	return &podCIDRs{cluster: cluster.Masked(), taken: map[string]netip.Prefix{}}
}

// hook has the store take networks for Nodes and give them back.
func (p *podCIDRs) hook(store *genericregistry.Store) {
	if !p.cluster.IsValid() {
		return
	}
	store.ReturnDeletedObject = true
	store.BeginCreate = func(_ context.Context, obj runtime.Object, options *metav1.CreateOptions) (genericregistry.FinishFunc, error) {
		return p.begin(obj.(*corev1.Node), dryrun.IsDryRun(options.DryRun))
	}
	store.BeginUpdate = func(_ context.Context, obj, old runtime.Object, options *metav1.UpdateOptions) (genericregistry.FinishFunc, error) {
		if node := obj.(*corev1.Node); old.(*corev1.Node).Spec.PodCIDR == "" && node.Spec.PodCIDR != "" {
			return p.begin(node, dryrun.IsDryRun(options.DryRun))
		}
		return func(context.Context, bool) {}, nil
	}
	store.AfterDelete = func(obj runtime.Object, options *metav1.DeleteOptions) {
		if !dryrun.IsDryRun(options.DryRun) {
			p.release(obj.(*corev1.Node).Name)
		}
	}
}

// load takes what the stored Nodes have. It is called before the API is open.
func (p *podCIDRs) load(ctx context.Context, nodes rest.Lister) error {
	list, err := nodes.List(ctx, &metainternalversion.ListOptions{})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, node := range list.(*corev1.NodeList).Items {
		if cidr, err := netip.ParsePrefix(node.Spec.PodCIDR); err == nil {
			p.taken[node.Name] = cidr
			if i, ok := p.index(cidr); ok {
				p.next = max(p.next, i+1)
			}
		}
	}
	return nil
}

// begin gives the Node a network, or checks the one that it has already. The returned func is told whether the write succeeded.
func (p *podCIDRs) begin(node *corev1.Node, dryRun bool) (genericregistry.FinishFunc, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cidr, problem := p.choose(node.Name, node.Spec.PodCIDR)
	if problem != nil {
		return nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Node").GroupKind(), node.Name, field.ErrorList{problem})
	}
	before, had := p.taken[node.Name]
	p.taken[node.Name] = cidr
	node.Spec.PodCIDR, node.Spec.PodCIDRs = cidr.String(), []string{cidr.String()}
	return func(_ context.Context, success bool) {
		if success && !dryRun {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if delete(p.taken, node.Name); had { // the Node exists: making it again failed
			p.taken[node.Name] = before
		}
	}, nil
}

// choose takes what a node wishes, or the next that is free. The caller holds mu.
func (p *podCIDRs) choose(node, wish string) (netip.Prefix, *field.Error) {
	path := field.NewPath("spec", "podCIDR")
	if wish == "" {
		return p.free(path)
	}
	cidr, err := netip.ParsePrefix(wish)
	switch {
	case err != nil:
		return netip.Prefix{}, field.Invalid(path, wish, "it is a network, as 10.244.0.0/24")
	case cidr.Bits() < p.cluster.Bits() || !p.cluster.Contains(cidr.Addr()):
		return netip.Prefix{}, field.Invalid(path, wish, fmt.Sprintf("it is not inside the Pods' network %s (--pod-cidr)", p.cluster))
	}
	if other := p.holder(cidr.Masked(), node); other != "" {
		return netip.Prefix{}, field.Invalid(path, wish, fmt.Sprintf("it overlaps %s of node %s", p.taken[other], other))
	}
	return cidr.Masked(), nil
}

func (p *podCIDRs) free(path *field.Path) (netip.Prefix, *field.Error) {
	size := uint32(1) << max(nodeBits-p.cluster.Bits(), 0)
	if p.cluster.Bits() > nodeBits {
		size = 0
	}
	for i := range size {
		n := (p.next + i) % size
		if cidr := p.nth(n); p.holder(cidr, "") == "" {
			p.next = n + 1
			return cidr, nil
		}
	}
	return netip.Prefix{}, field.Forbidden(path, fmt.Sprintf("no /%d is free in the Pods' network %s (--pod-cidr): %d nodes have one", nodeBits, p.cluster, len(p.taken)))
}

// nth is the n-th network of a node's size.
func (p *podCIDRs) nth(n uint32) netip.Prefix {
	octets := p.cluster.Addr().As4()
	binary.BigEndian.PutUint32(octets[:], binary.BigEndian.Uint32(octets[:])+n<<(32-nodeBits))
	return netip.PrefixFrom(netip.AddrFrom4(octets), nodeBits)
}

// index is the reverse of nth.
func (p *podCIDRs) index(cidr netip.Prefix) (uint32, bool) {
	if !p.cluster.Contains(cidr.Addr()) {
		return 0, false
	}
	first, own := p.cluster.Addr().As4(), cidr.Addr().As4()
	return (binary.BigEndian.Uint32(own[:]) - binary.BigEndian.Uint32(first[:])) >> (32 - nodeBits), true
}

// holder is a node, but not the one named, whose network overlaps; "" is none.
func (p *podCIDRs) holder(cidr netip.Prefix, not string) string {
	for node, taken := range p.taken {
		if node != not && taken.Overlaps(cidr) {
			return node
		}
	}
	return ""
}

func (p *podCIDRs) release(node string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, node)
}
