package fleet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"

	"coracle.dev/coracle/runtime/enginetest/machine"
)

// Fleet is one that has been brought up, or is about to be. Its machines may be used side by side; a machine, by one at a time.
type Fleet struct {
	settings settings
}

// Check says in one line what this machine lacks for a fleet.
func Check() error {
	if os.Geteuid() != 0 {
		return errors.New("a fleet needs root: it makes network namespaces and runs Docker Engines")
	}
	for _, program := range []string{"dockerd", "containerd", "iptables", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("a fleet needs %s: `make ready` installs it on Debian (docker.io, util-linux)", program)
		}
	}
	return nil
}

// ErrUp says that a fleet is up already.
var ErrUp = errors.New("the fleet is up already")

// New readies the directory of a fleet. Of one that was there and is not all up, it removes what is left; with one that is, it
// returns that and ErrUp.
func New(options Options) (*Fleet, error) {
	options = options.withDefaults()
	if err := errors.Join(Check(), options.validate()); err != nil {
		return nil, err
	}
	if old, err := Open(options.Dir); err == nil {
		up, err := old.isUp()
		if up || err != nil {
			return old, errors.Join(err, ErrUp)
		}
	} else if !errors.Is(err, ErrNone) {
		return nil, err
	}
	if err := Down(options.Dir); err != nil {
		return nil, err
	}
	if err := isFree(options.Network); err != nil {
		return nil, err
	}
	f := &Fleet{settings{Options: options, Lines: map[string][]string{}}}
	for _, name := range options.Machines {
		if err := os.MkdirAll(f.Disk(name), 0o755); err != nil {
			return nil, fmt.Errorf("make the disk of machine %s: %w", name, err)
		}
	}
	if err := f.settings.write(); err != nil {
		return nil, err
	}
	if err := f.installCoracle(); err != nil {
		return nil, errors.Join(err, Down(options.Dir))
	}
	return f, nil
}

// isFree refuses a network that this machine is in: what is for it would come here.
func isFree(network netip.Prefix) error {
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list this machine's addresses: %w", err)
	}
	for _, address := range addresses {
		ip, _ := netip.AddrFromSlice(address.IP.To4())
		bits, _ := address.Mask.Size()
		if own := netip.PrefixFrom(ip, bits); own.Overlaps(network) {
			return fmt.Errorf("this machine is in network %s already, as %s: choose another", network, own)
		}
	}
	return nil
}

// installCoracle puts the program where all machines find it, and where it stays what it is when it is built again.
func (f *Fleet) installCoracle() error {
	programs := f.programs()
	if err := os.MkdirAll(programs, 0o755); err != nil {
		return fmt.Errorf("make the directory of programs: %w", err)
	}
	source, target := f.settings.Coracle, filepath.Join(programs, "coracle")
	if os.Link(source, target) == nil {
		return nil
	}
	content, err := os.ReadFile(source) // on another file system
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing: run `make build`", source)
	}
	if err == nil {
		err = os.WriteFile(target, content, 0o755)
	}
	if err != nil {
		return fmt.Errorf("copy coracle: %w", err)
	}
	return nil
}

func (f *Fleet) programs() string { return filepath.Join(f.settings.Dir, "programs") }

// Open is the fleet of a directory, or ErrNone.
func Open(dir string) (*Fleet, error) {
	s, err := readSettings(dir)
	if err != nil {
		return nil, err
	}
	return &Fleet{s}, nil
}

// isUp says that all machines have power, and run coracle.
func (f *Fleet) isUp() (bool, error) {
	for _, m := range f.Machines() {
		state, err := m.State()
		if err != nil || state != Running {
			return false, err
		}
	}
	return true, nil
}

// Up brings up all of a fleet.
func (f *Fleet) Up(ctx context.Context) error {
	if err := f.PowerOn(ctx); err != nil {
		return err
	}
	if err := f.LoadWeb(ctx); err != nil { // before anything may want them: there is no registry
		return err
	}
	if err := f.Serve(ctx); err != nil {
		return err
	}
	return f.Join(ctx)
}

// PowerOn starts the switch and all machines, each with its engine.
func (f *Fleet) PowerOn(ctx context.Context) error {
	box, err := machine.Start(ctx, machine.Options{Dir: f.dir(switchName), Tethered: f.settings.Tethered})
	if err != nil {
		return err
	}
	s, err := machine.NewSwitch(box)
	if err != nil {
		return err
	}
	here, err := f.settings.address(0)
	if err != nil {
		return err
	}
	if err := s.Uplink(f.settings.Link, netip.PrefixFrom(here, f.settings.Network.Bits())); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, m := range f.Machines() {
		group.Go(func() error { return m.SwitchOn(ctx) })
	}
	return group.Wait()
}

// Machines are all of them, the server's first.
func (f *Fleet) Machines() []*Machine {
	var all []*Machine
	for i, name := range f.settings.Machines {
		address, _ := f.settings.address(i + 1) // validated
		all = append(all, &Machine{Name: name, Address: address, fleet: f})
	}
	return all
}

// Machine is the one of that name.
func (f *Fleet) Machine(name string) (*Machine, error) {
	in := slices.Index(f.settings.Machines, name)
	if in < 0 {
		return nil, fmt.Errorf("no machine is called %q: there are %q", name, f.settings.Machines)
	}
	return f.Machines()[in], nil
}

func (f *Fleet) dir(name string) string { return filepath.Join(f.settings.Dir, name) }

// Disk is the directory that a machine sees as /var/lib.
func (f *Fleet) Disk(name string) string { return filepath.Join(f.dir(name), "lib") }
