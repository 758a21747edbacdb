package main

import (
	"strings"
	"testing"
)

func TestCutDataDir(t *testing.T) {
	for _, test := range []struct{ args, dataDir, rest string }{
		{"get pods", "", "get pods"},
		{"--data-dir d get pods", "d", "get pods"},
		{"--data-dir=d get pods", "d", "get pods"},
		{"get pods --data-dir d", "", "get pods --data-dir d"}, // kubectl's own business
		{"--data-dir", "", "--data-dir"},
		{"", "", ""},
	} {
		dataDir, rest := cutDataDir(strings.Fields(test.args))
		if dataDir != test.dataDir || strings.Join(rest, " ") != test.rest {
			t.Errorf("%q: got %q and %q", test.args, dataDir, rest)
		}
	}
}
