package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

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
