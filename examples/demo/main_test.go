package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestRepositoryIsMadeOnce(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "demo.git")
	if out := demo(t, "repository", directory, "--version", "v2"); !strings.HasPrefix(out, "made ") || !strings.Contains(out, " web: v2\n") {
		t.Errorf("first: %q", out)
	}
	if out := demo(t, "repository", directory); out != directory+" is there already\n" {
		t.Errorf("second: %q", out)
	}
}

func demo(t *testing.T, arguments ...string) string {
	t.Helper()
	var out strings.Builder
	command := newCommand()
	command.SetArgs(arguments)
	command.SetOut(&out)
	if err := command.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
