package stories

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/client"
	"github.com/rogpeppe/go-internal/testscript"

	"coracle.dev/coracle/examples/demo/repository"
	"coracle.dev/coracle/examples/fleet"
	walkthrough "coracle.dev/coracle/examples/walkthrough/images"
)

// TestWalkthroughs plays the walkthroughs on a fleet each, twice: what they change is changed by kubectl, and by commits.
// Lines that begin with [kubectl] or [git] are of one of them; all that is looked at is the same.
func TestWalkthroughs(t *testing.T) {
	if err := fleet.Check(); err != nil {
		t.Skip(err)
	}
	docker := newDocker(t, "")
	loadImages(t, docker)
	if _, err := walkthrough.Make(t.Context(), docker); err != nil {
		t.Fatal(err)
	}
	manifests, err := filepath.Abs("../walkthrough")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]func(*testscript.TestScript, bool, []string){"fleet": bringUp, "machine": operate, "commit": commit}
	for name, word := range commands {
		words[name] = word
	}
	for _, hand := range []string{"kubectl", "git"} {
		t.Run(hand, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir:                "../walkthrough",
				Cmds:               words,
				RequireUniqueNames: true,
				Condition:          func(condition string) (bool, error) { return condition == hand, known(condition) },
				Setup: func(env *testscript.Env) error {
					env.Setenv("MANIFESTS", manifests)
					return setupFleet(env, docker)
				},
			})
		})
	}
}

func known(condition string) error {
	if condition != "kubectl" && condition != "git" {
		return fmt.Errorf("%q: it is kubectl or git", condition)
	}
	return nil
}

// A lost machine is noticed sooner than the minutes that one would wait; two machines' worth of work is no reason to take
// one for lost.
var (
	heartbeat = []string{"--node-status-update-frequency", "2s"}
	losses    = []string{"--node-monitor-grace-period", "12s", "--default-unreachable-toleration-seconds", "3",
		"--default-not-ready-toleration-seconds", "3", "--node-eviction-rate", "10"}
)

type fleetKey struct{}

// fleets counts those that this process runs, so that each has a network of its own.
var fleets atomic.Int32

// stage is where a walkthrough takes place.
type stage struct {
	*fleet.Fleet
	options fleet.Options
	docker  *client.Client // of the machine's engine, which has the images
}

func setupFleet(env *testscript.Env, docker *client.Client) error {
	if err := setupPerson(env, nil); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("/var/tmp", "coracle-story") // on a disk, and short, as sockets want it
	if err != nil {
		return fmt.Errorf("make a directory for the fleet: %w", err)
	}
	n := fleets.Add(1)
	s := &stage{docker: docker, options: fleet.Options{
		Dir: dir, Link: fmt.Sprintf("st%d-%d", n, os.Getpid()), Coracle: "../../bin/coracle", Tethered: true,
		Network: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(100 + n%20), byte(os.Getpid()), 0}), 24),
	}}
	env.Values[fleetKey{}], env.Values[storyKey{}] = s, &story{}
	env.Defer(func() { s.end(env) })
	return nil
}

// end removes the fleet. Of a story that failed it shows the logs.
func (s *stage) end(env *testscript.Env) {
	if t, ok := env.T().(interface{ Failed() bool }); ok && t.Failed() && s.Fleet != nil {
		for _, m := range s.Machines() {
			if log, err := os.ReadFile(m.Log()); err == nil {
				env.T().Log("coracle's log on " + m.Name + ":\n" + string(log))
			}
		}
	}
	if err := fleet.Down(s.options.Dir); err != nil {
		env.T().Log("clean up:", err)
	}
}

// bringUp is the word
//
//	fleet MACHINE... [-- FLAG...]
//
// It brings up machines with the images of the walkthroughs; the first runs the server, with the further flags.
func bringUp(ts *testscript.TestScript, neg bool, args []string) {
	current(ts, neg)
	s := ts.Value(fleetKey{}).(*stage)
	names, flags := args, []string(nil)
	if in := slices.Index(args, "--"); in >= 0 {
		names, flags = args[:in], args[in+1:]
	}
	s.options.Machines, s.options.Serve, s.options.Node = names, slices.Concat(flags, losses, heartbeat), heartbeat
	ctx := context.Background()
	f, err := fleet.New(s.options)
	ts.Check(err)
	s.Fleet = f
	ts.Check(f.PowerOn(ctx))
	tags := walkthrough.Tags()
	for _, version := range repository.Versions() {
		tags = append(tags, "web:"+version)
	}
	for _, m := range f.Machines() {
		ts.Check(m.Load(ctx, s.docker, tags...))
	}
	ts.Check(f.Serve(ctx))
	ts.Setenv("KUBECONFIG", f.Kubeconfig())
	if len(names) > 1 {
		ts.Check(f.Join(ctx))
	}
}

// operate is the word
//
//	machine off|on|cut|mend NAME
func operate(ts *testscript.TestScript, neg bool, args []string) {
	current(ts, neg)
	if len(args) != 2 {
		ts.Fatalf("usage: machine off|on|cut|mend NAME")
	}
	m, err := ts.Value(fleetKey{}).(*stage).Machine(args[1])
	ts.Check(err)
	switch args[0] {
	case "off":
		ts.Check(m.SwitchOff())
	case "on":
		ts.Check(m.SwitchOn(context.Background()))
	case "cut":
		ts.Check(m.CutOff())
	case "mend":
		ts.Check(m.Reconnect())
	default:
		ts.Fatalf("usage: machine off|on|cut|mend NAME")
	}
}

// commit is the word
//
//	commit SUBJECT
//
// It pushes all that is changed in shop, and returns when it is applied.
func commit(ts *testscript.TestScript, neg bool, args []string) {
	push(ts, neg, args)
	ts.Check(ts.Exec("git", "-C", "shop", "rev-parse", "HEAD"))
	head := strings.TrimSpace(ts.ReadFile("stdout"))
	ts.Check(ts.Exec("until", "^"+head+"$", "kubectl", "get", "application", "default", "-o", "jsonpath={.status.revision.id}"))
}
