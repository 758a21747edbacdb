package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// systemd understands all of the units, and finds what they start.
func TestUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is missing: install systemd")
	}
	units, err := filepath.Glob("systemd/*.service")
	if err != nil || len(units) != 2 {
		t.Fatalf("the units: %q, %v", units, err)
	}
	for _, unit := range units {
		t.Run(filepath.Base(unit), func(t *testing.T) {
			text, err := os.ReadFile(unit)
			if err != nil {
				t.Fatal(err)
			}
			if out := verify(t, filepath.Base(unit), string(text)); out != "" {
				t.Errorf("systemd says:\n%s", out)
			}
			if out := verify(t, filepath.Base(unit), string(text)+"\n[Service]\nProtectEverything=yes\n"); !strings.Contains(out, "ProtectEverything") {
				t.Errorf("systemd says nothing of a setting that there is none: %q", out)
			}
		})
	}
}

// verify is what systemd says of a unit on a machine where the program is installed.
func verify(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "coracle")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(dir, name)
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(text, "/usr/local/bin/coracle", program)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command("systemd-analyze", "verify", "--man=no", unit).CombinedOutput() // it fails for what it says
	var said []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, name) { // of this unit, not of another that the machine has
			said = append(said, line)
		}
	}
	return strings.Join(said, "")
}
