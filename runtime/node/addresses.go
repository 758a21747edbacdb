package node

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
)

// addresses hands out the Pod IPs of one CIDR, each to one Pod. Addresses are taken in turn, so that one that was
// freed rests as long as it can: clients of the old Pod may still try it. The CIDR comes later than what is held already.
type addresses struct {
	mu    sync.Mutex
	cidr  netip.Prefix
	next  netip.Addr
	taken map[netip.Addr]Key
}

func newAddresses() *addresses { return &addresses{taken: map[netip.Addr]Key{}} }

// use has addresses be of the network, without its first (its own), the second (the gateway) and the last (broadcast).
func (a *addresses) use(cidr string) error {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return fmt.Errorf("parse Pod CIDR: %w", err)
	}
	prefix = prefix.Masked()
	if !prefix.Addr().Is4() || prefix.Bits() > 29 {
		return fmt.Errorf("parse Pod CIDR: %s is not an IPv4 network of at least 8 addresses", cidr)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cidr != prefix {
		a.cidr = prefix
		a.next = a.first()
	}
	return nil
}

func (a *addresses) first() netip.Addr { return a.cidr.Addr().Next().Next() }

// hold notes that a Pod has an address already, as its containers' labels say.
func (a *addresses) hold(ip string, key Key) {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, taken := a.taken[addr]; !taken {
		a.taken[addr] = key
	}
}

// take gives the Pod an address, the one it has if it has one.
func (a *addresses) take(key Key) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.cidr.IsValid() {
		return "", errors.New("this node has no Pod CIDR yet")
	}
	for addr, holder := range a.taken {
		if holder == key && a.cidr.Contains(addr) {
			return addr.String(), nil
		}
	}
	for start := a.next; ; {
		addr := a.next
		a.next = a.after(addr)
		if _, taken := a.taken[addr]; !taken {
			a.taken[addr] = key
			return addr.String(), nil
		}
		if a.next == start {
			return "", fmt.Errorf("no Pod IP is free in %s: %d are taken", a.cidr, len(a.taken))
		}
	}
}

// after is the next address in turn.
func (a *addresses) after(addr netip.Addr) netip.Addr {
	next := addr.Next()
	if !next.IsValid() || !a.cidr.Contains(next) || !a.cidr.Contains(next.Next()) {
		return a.first()
	}
	return next
}

// release frees what the Pod holds.
func (a *addresses) release(key Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for addr, holder := range a.taken {
		if holder == key {
			delete(a.taken, addr)
		}
	}
}
