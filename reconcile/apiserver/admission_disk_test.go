package apiserver

import (
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestFullDiskRefusesWrites(t *testing.T) {
	for _, c := range []struct {
		resource, subresource string
		left                  uint64
		want                  string
	}{
		{"configmaps", "", 64 << 20, ""},
		{"configmaps", "", 64<<20 - 1, `configmaps "x" cannot be stored: the disk of /data is full (63 MiB left, 64 needed); make room there, and try again`},
		{"pods", "status", 30 << 20, ""},
		{"leases", "", 30 << 20, ""},
		{"pods", "status", 3 << 20, `pods "x" cannot be stored: the disk of /data is full (3 MiB left, 24 needed); make room there, and try again`},
	} {
		d := newDiskRoom("/data")
		d.free = func(string) (uint64, error) { return c.left, nil }
		err := d.Validate(t.Context(), writeOf(c.resource, c.subresource), nil)
		if got := message(err); got != c.want {
			t.Errorf("%s/%s with %d left: %q, want %q", c.resource, c.subresource, c.left, got, c.want)
		}
	}
}

// TestDiskIsLookedAtAgain: room that was made is seen a second later; an unreadable disk refuses nothing.
func TestDiskIsLookedAtAgain(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
	left, failure := uint64(0), error(nil)
	d := newDiskRoom("/data")
	d.clock, d.free = clock, func(string) (uint64, error) { return left, failure }
	clock.SetTime(time.Unix(60, 0))
	if err := d.check(nil); err == nil || !strings.Contains(err.Error(), "0 MiB left, 64 needed") {
		t.Errorf("full: %v", err)
	}
	left = 1 << 30
	if err := d.check(nil); err == nil {
		t.Error("looked at again within a second")
	}
	clock.SetTime(time.Unix(61, 0))
	if err := d.check(nil); err != nil {
		t.Errorf("room was made: %v", err)
	}
	clock.SetTime(time.Unix(62, 0))
	failure = errors.New("no such file system")
	if err := d.Validate(t.Context(), writeOf("pods", ""), nil); err != nil {
		t.Errorf("unreadable: %v", err)
	}
}

func TestFreeBytes(t *testing.T) {
	if left, err := freeBytes(t.TempDir()); err != nil || left == 0 {
		t.Errorf("%d, %v", left, err)
	}
	if _, err := freeBytes("/nowhere"); err == nil {
		t.Error("a directory that does not exist has room")
	}
}

func writeOf(resource, subresource string) admission.Attributes {
	return admission.NewAttributesRecord(nil, nil, schema.GroupVersionKind{}, "ns", "x",
		schema.GroupVersionResource{Version: "v1", Resource: resource}, subresource, admission.Update, nil, false, nil)
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
