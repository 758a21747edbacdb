package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Options say what a fleet is made of. What is empty gets its default.
type Options struct {
	Dir      string       // absolute; of all files of the fleet
	Machines []string     // their names; the first runs the server
	Network  netip.Prefix // this machine has its first address, the others those that follow
	Link     string       // this machine's link to that network
	Coracle  string       // path of the program
	Serve    []string     // further flags of coracle serve: the source, for one
	Node     []string     // further flags of coracle node
	Tethered bool         // whether all ends with this process
}

// DefaultDir is where the one fleet is that people bring up.
const DefaultDir = "/var/lib/coracle-fleet"

func (o Options) withDefaults() Options {
	if o.Dir == "" {
		o.Dir = DefaultDir
	}
	if len(o.Machines) == 0 {
		o.Machines = []string{"raspi001", "raspi002", "raspi003"}
	}
	if !o.Network.IsValid() {
		o.Network = netip.MustParsePrefix("10.99.0.0/24")
	}
	if o.Link == "" {
		o.Link = "coracle0"
	}
	if o.Coracle == "" {
		o.Coracle = "bin/coracle"
	}
	return o
}

// Both are names of links, which the kernel cuts at 15 characters.
const longestName = 15

func (o Options) validate() error {
	if !filepath.IsAbs(o.Dir) || filepath.Dir(o.Dir) == o.Dir {
		return fmt.Errorf("the fleet's directory %q: it is an absolute path, and not the root", o.Dir)
	}
	if len(o.Link) > longestName {
		return fmt.Errorf("the link %q: it has %d characters at most", o.Link, longestName)
	}
	seen := map[string]bool{switchName: true}
	for _, name := range o.Machines {
		if name == "" || len(name) > longestName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || seen[name] {
			return fmt.Errorf("the machine %q: it has a name of its own, of at most %d small letters, digits and hyphens", name, longestName)
		}
		seen[name] = true
	}
	if _, err := o.address(len(o.Machines)); err != nil {
		return err
	}
	return nil
}

// address is that of this machine (0), or of the n-th other.
func (o Options) address(n int) (netip.Addr, error) {
	address := o.Network.Masked().Addr()
	if !address.Is4() || o.Network.Bits() > 30 {
		return netip.Addr{}, fmt.Errorf("the network %s: it is one of IPv4, with room for the machines", o.Network)
	}
	for range n + 1 {
		address = address.Next()
	}
	if !o.Network.Contains(address.Next()) { // the last is the broadcast address
		return netip.Addr{}, fmt.Errorf("the network %s: it has no room for %d machines", o.Network, len(o.Machines))
	}
	return address, nil
}

// switchName is the machine that is none, but a switch.
const switchName = "switch"

// settings are what another process has to know of a fleet.
type settings struct {
	Options
	// Lines are the command lines of coracle, by machine.
	Lines map[string][]string
}

const settingsName = "fleet.json"

// ErrNone says that there is no fleet.
var ErrNone = errors.New("there is no fleet; `make fleet` brings one up")

func readSettings(dir string) (settings, error) {
	content, err := os.ReadFile(filepath.Join(dir, settingsName))
	if errors.Is(err, fs.ErrNotExist) {
		return settings{}, ErrNone
	}
	if err != nil {
		return settings{}, fmt.Errorf("read the fleet's settings: %w", err)
	}
	var s settings
	if err := json.Unmarshal(content, &s); err != nil {
		return settings{}, fmt.Errorf("read the fleet's settings: %w", err)
	}
	return s, nil
}

// write replaces the file in one step: who reads it sees all or nothing.
func (s settings) write() error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the fleet's settings: %w", err)
	}
	path := filepath.Join(s.Dir, settingsName)
	if err := os.WriteFile(path+".new", content, 0o600); err != nil { // it may hold a token
		return fmt.Errorf("write the fleet's settings: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the fleet's settings: %w", err)
	}
	return nil
}
