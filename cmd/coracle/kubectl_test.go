package main

import (
	"path/filepath"
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

func TestExplainKubectl(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "kubeconfig")
	for _, test := range []struct{ message, kubeconfig, want string }{
		{"", missing, ""}, // kubectl diff ends so, where there are differences
		{"error: no such resource", missing, "error: no such resource\n"},
		{"error: stat /other: no such file\n", missing, "error: stat /other: no such file\n"},
		{"error: stat " + missing + ": no such file", missing, "coracle: no daemon has run with data directory " + dir},
		{"error: stat /other: no such file", "", "error: stat /other: no such file\n"},
	} {
		if got := explainKubectl(test.message, test.kubeconfig, dir); !strings.HasPrefix(got, test.want) || (test.want == "") != (got == "") {
			t.Errorf("%q: got %q, want %q", test.message, got, test.want)
		}
	}
}
