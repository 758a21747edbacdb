package scheduler

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	a := attempts{}
	for tries, want := range []time.Duration{0, 0, 1, 2, 4, 8, 10, 10} {
		if got := a.wait("p", epoch); got != want*time.Second {
			t.Errorf("after %d failures: waits %v, want %v s", tries, got, want)
		}
		a.failed("p", epoch)
	}
	if got := a.wait("p", epoch.Add(4*time.Second)); got != 6*time.Second {
		t.Errorf("4 s later: waits %v", got)
	}
	if got := a.wait("p", epoch.Add(time.Minute)); got != 0 {
		t.Errorf("a minute later: waits %v", got)
	}
}
