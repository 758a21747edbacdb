package main

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestPodSubnet(t *testing.T) {
	for _, test := range []struct {
		cluster string
		node    int
		want    string
	}{
		{"10.244.0.0/16", 0, "10.244.0.0/24"},
		{"10.244.0.0/16", 255, "10.244.255.0/24"},
		{"10.244.0.0/16", 256, ""},
		{"10.244.7.9/16", 1, "10.244.1.0/24"}, // bits beyond the mask do not count
		{"10.0.0.0/8", 256, "10.1.0.0/24"},
		{"192.168.1.0/24", 0, "192.168.1.0/24"},
		{"192.168.1.0/24", 1, ""},
		{"192.168.1.0/25", 0, ""},
		{"fd00::/64", 0, ""},
	} {
		got, err := podSubnet(netip.MustParsePrefix(test.cluster), test.node)
		if test.want == "" {
			if err == nil || !strings.Contains(err.Error(), "no room for a /24") {
				t.Errorf("node %d of %s: got %v, %v", test.node, test.cluster, got, err)
			}
			continue
		}
		if err != nil || got.String() != test.want {
			t.Errorf("node %d of %s: got %v, %v; want %s", test.node, test.cluster, got, err, test.want)
		}
	}
}

func TestMachineNames(t *testing.T) {
	names := func(nodeName string, nodes int) (names []string) {
		m := newMachines(&serveOptions{nodeName: nodeName, nodes: nodes}, zerolog.Nop())
		for name := range m.pipes {
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	if got := names("vm", 1); !slices.Equal(got, []string{"vm"}) {
		t.Errorf("one node: %v", got)
	}
	if got := names("vm", 3); !slices.Equal(got, []string{"vm-0", "vm-1", "vm-2"}) {
		t.Errorf("three nodes: %v", got)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if got := names("", 1); !slices.Equal(got, []string{strings.ToLower(host)}) {
		t.Errorf("without a name: %v", got)
	}
	if _, err := newMachines(&serveOptions{nodeName: "vm", nodes: 1}, zerolog.Nop()).dial(t.Context(), "other"); err == nil {
		t.Error("a node that is not there is dialled")
	}
}
