package machine

import (
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseStat(t *testing.T) {
	for stat, want := range map[string]struct {
		parent int
		ended  bool
		bad    bool
	}{
		"7 (dockerd) S 3 7 7 0 -1":  {parent: 3},
		"7 (a) Z 9 (b)) Z 4 7 7 0":  {parent: 4, ended: true}, // a name with brackets in it
		"7 (sh) X 0 7 7 0 -1 41947": {ended: true},
		"7 (sh)":                    {bad: true},
		"7 (sh) S one":              {bad: true},
	} {
		parent, ended, err := parseStat(stat)
		if parent != want.parent || ended != want.ended || (err != nil) != want.bad {
			t.Errorf("%q: got %d, %v, %v", stat, parent, ended, err)
		}
	}
}

func TestParseArguments(t *testing.T) {
	for line, want := range map[string][]string{"": nil, "sleep\x001\x00": {"sleep", "1"}, "a\x00\x00": {"a", ""}, "renamed": {"renamed"}} {
		if diff := cmp.Diff(want, parseArguments(line)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
}

func TestIsInit(t *testing.T) {
	for dir, want := range map[string]bool{"/fleet/raspi001": true, "/fleet": true, "/": true, "/fleet/raspi00": false, "/other": false} {
		if got := isInit(process{arguments: []string{initName, "/fleet/raspi001", "", ""}}, dir); got != want {
			t.Errorf("is it below %s: %v", dir, got)
		}
	}
	if isInit(process{arguments: []string{"dockerd", "/fleet/raspi001"}}, "/fleet") {
		t.Error("another program is taken for a machine")
	}
}

// A handle is only of the process that was meant, not of one that came after it or is something else.
func TestHold(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	found, err := read(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if found.parent != os.Getpid() || found.ended {
		t.Errorf("read %+v", found)
	}
	if _, err := hold(found, func(process) bool { return false }); err != os.ErrProcessDone {
		t.Errorf("a stranger: %v", err)
	}
	held, err := hold(found, func(process) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it says that it was killed
	if _, err := hold(found, func(process) bool { return true }); err != os.ErrProcessDone {
		t.Errorf("one that has ended: %v", err)
	}
}
