package fleet

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAddresses(t *testing.T) {
	o := Options{Machines: []string{"one", "two"}, Network: netip.MustParsePrefix("10.99.0.77/24")}
	for n, want := range []string{"10.99.0.1", "10.99.0.2", "10.99.0.3"} {
		if got, err := o.address(n); err != nil || got.String() != want {
			t.Errorf("address %d: got %s, %v, want %s", n, got, err, want)
		}
	}
	o.Network = netip.MustParsePrefix("10.99.0.0/30") // .1 and .2
	if got, err := o.address(1); err != nil || got.String() != "10.99.0.2" {
		t.Errorf("the last address: got %s, %v", got, err)
	}
	if got, err := o.address(2); err == nil {
		t.Errorf("past the last address: got %s", got)
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"the defaults":     {func(*Options) {}, ""},
		"a relative path":  {func(o *Options) { o.Dir = "fleet" }, "it is an absolute path"},
		"the root":         {func(o *Options) { o.Dir = "/" }, "not the root"},
		"a long link":      {func(o *Options) { o.Link = "coracle-test-0123" }, "15 characters at most"},
		"a long name":      {func(o *Options) { o.Machines = []string{"raspberrypi-0001"} }, `the machine "raspberrypi-0001"`},
		"a name as a path": {func(o *Options) { o.Machines = []string{"../one"} }, `the machine "../one"`},
		"a name twice":     {func(o *Options) { o.Machines = []string{"one", "one"} }, "a name of its own"},
		"the switch":       {func(o *Options) { o.Machines = []string{"switch"} }, "a name of its own"},
		"a small network":  {func(o *Options) { o.Network = netip.MustParsePrefix("10.99.0.0/30") }, "no room for 3 machines"},
		"not IPv4":         {func(o *Options) { o.Network = netip.MustParsePrefix("fd00::/64") }, "one of IPv4"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{}.withDefaults()
			c.change(&o)
			err := o.validate()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestSettingsAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	if _, err := readSettings(dir); !errors.Is(err, ErrNone) {
		t.Errorf("without settings: %v", err)
	}
	wrote := settings{Options: Options{Dir: dir, Serve: []string{"--poll", "@every 1s"}}.withDefaults(), Lines: map[string][]string{"one": {"coracle", "serve"}}}
	if err := wrote.write(); err != nil {
		t.Fatal(err)
	}
	read, err := readSettings(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wrote, read, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("(-wrote +read):\n%s", diff)
	}
}
