package main

import (
	"net/netip"
	"strings"
	"testing"
)

func TestPodCIDRInTheWay(t *testing.T) {
	routes := readRoutes(strings.NewReader(`Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
eth0	0001F40A	020200C0	0003	0	0	0	00FFFFFF	0	0	0
tun0	0000F50A	00000000	0001	0	0	0	0000FFFF	0	0	0
co-0123456789ab	0000F40A	00000000	0001	0	0	0	00FFFFFF	0	0	0
junk
`))
	for cidr, want := range map[string]string{
		"10.244.0.0/16":   "", // its own bridge, and the way to another node's Pods
		"192.0.2.128/25":  "eth0",
		"10.245.9.0/24":   "tun0",
		"10.0.0.0/8":      "tun0",
		"198.51.100.0/24": "",
	} {
		if got := inTheWay(netip.MustParsePrefix(cidr), routes).device; got != want {
			t.Errorf("%s: in the way of %q, want %q", cidr, got, want)
		}
	}
	if err := checkPodCIDR("127.0.0.0/16"); err == nil || !strings.Contains(err.Error(), "lo") {
		t.Errorf("the loopback's network: %v", err)
	}
}

func TestEngineIsClaimedOnce(t *testing.T) {
	engine := t.Name()
	first := &engineClaim{node: "a", network: "x"}
	if err := first.hold(engine); err != nil {
		t.Fatal(err)
	}
	if err := first.hold(engine); err != nil {
		t.Errorf("again: %v", err)
	}
	for _, other := range []*engineClaim{{node: "a", network: "y"}, {node: "b", network: "x"}} {
		if err := other.hold(engine); err == nil || !strings.Contains(err.Error(), "another coracle on this machine") {
			t.Errorf("%s, %s: %v", other.node, other.network, err)
		}
	}
	if err := (&engineClaim{node: "c", network: "z"}).hold(engine); err != nil {
		t.Errorf("another node with another network: %v", err)
	}
}
