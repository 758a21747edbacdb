package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// parseServe takes flags as the command line does.
func parseServe(t *testing.T, args ...string) (*serveOptions, *pflag.FlagSet) {
	t.Helper()
	options, flags := &serveOptions{}, pflag.NewFlagSet("serve", pflag.ContinueOnError)
	options.register(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return options, flags
}

func TestServeRefusesWhatCannotBeMeant(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"", "say where the manifests are: --repo URL or --dir PATH"},
		{"--repo r --dir d", "--repo and --dir exclude each other"},
		{"--dir d --branch main", "--branch is for --repo; a --dir is taken as it is"},
		{"--dir d --git-username ada", "the --git-… flags are for --repo; a --dir needs no credentials"},
		{"--dir d --poll often", `--poll: schedule "often"`},
		{"--dir d --listen 6443", `--listen "6443": it is an address and a port`},
		{"--dir d --engine podman", `--engine "podman": it is docker or memory`},
		{"--dir d --engine memory --docker-host unix:///run/docker.sock", "--docker-host goes with --engine docker only"},
		{"--dir d --nodes -1", "--nodes -1: at least 0"},
		{"--dir d --no-node --nodes 2 --engine memory", "--no-node and --nodes contradict each other"},
		{"--dir d --node-taints a=b", `--node-taints: taint "a=b": it is key=value:Effect`},
		{"--dir d --node-taints a:NoSchedule,a=b:NoSchedule", `--node-taints: taint "a=b:NoSchedule": there is one of that key and effect already`},
		{"--dir d --pod-cidr 10.96.0.0/12", "--pod-cidr 10.96.0.0/12 overlaps with 10.96.0.0/16, where Services have their addresses"},
		{"--dir d --nodes 2", "--nodes simulates machines"},
		{"--dir d --node-name Web_1", `--node-name "Web_1"`},
		{"--dir d --node-ip here", `--node-ip "here": it is an IP address`},
		{"--dir d --pod-cidr ten", `--pod-cidr "ten": it is a network`},
		{"--dir d --pod-cidr 10.0.0.0/25", "--pod-cidr 10.0.0.0/25: no room for a /24 of node 1"},
		{"--dir d --pod-cidr 10.0.0.0/23 --nodes 3 --engine memory", "--pod-cidr 10.0.0.0/23: no room for a /24 of node 3"},
		{"--dir d --log-level loud", `--log-level "loud": it is debug, info, warn or error`},
	} {
		options, _ := parseServe(t, strings.Fields(test.args)...)
		if err := options.validate(); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s\ngot  %v\nwant %s", test.args, err, test.want)
		}
	}
	for _, args := range []string{"--dir d", "--repo r --branch main --path deploy --git-ssh-key k", "--dir d --no-node", "--dir d --nodes 0", "--dir d --node-taints gpu=yes:NoSchedule", "--dir d --engine memory --nodes 100 --node-ip fd00::1 --node-name vm.example.org"} {
		options, _ := parseServe(t, strings.Fields(args)...)
		if err := options.validate(); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "coracle.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadConfig(t *testing.T) {
	path := writeConfig(t, `
repo: https://git.example.org/shop.git
branch: main
nodes: 1000000
engine: memory
name: [coracle.example.org, 192.0.2.1]
etcd-servers: http://one:2379
node-labels: {zone: north, spare: true, rack: 7}
`)
	options, flags := parseServe(t, "--branch", "release")
	if err := readConfig(path, flags); err != nil {
		t.Fatal(err)
	}
	want := *options
	want.repo, want.branch, want.nodes, want.engine = "https://git.example.org/shop.git", "release", 1000000, "memory"
	want.names, want.etcdServers = []string{"coracle.example.org", "192.0.2.1"}, []string{"http://one:2379"}
	want.labels = map[string]string{"zone": "north", "spare": "true", "rack": "7"}
	if diff := cmp.Diff(want, *options, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadConfigRefuses(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"repository: x", `unknown key "repository"; the keys are the flags that coracle serve --help lists`},
		{"config: other.yaml", `unknown key "config"`},
		{"repo: a\nrepo: b", `key "repo" already set`},
		{"repo: [a, b]", "repo: takes one value, not a list"},
		{"repo: {a: b}", "repo: takes one value, not a map"},
		{"repo:", "repo: has no value"},
		{"name: [[a]]", "name: a list or map has no meaning here"},
		{"node-labels: {a: [b]}", "node-labels: a: a list or map has no meaning here"},
		{"nodes: many", "nodes: "},
		{"nodes: 1.5", "nodes: "},
		{"- repo", "cannot unmarshal"},
	} {
		_, flags := parseServe(t)
		if err := readConfig(writeConfig(t, test.text), flags); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q\ngot  %v\nwant … %s", test.text, err, test.want)
		}
	}
	_, flags := parseServe(t)
	if err := readConfig("does/not/exist.yaml", flags); err == nil || !strings.Contains(err.Error(), "does/not/exist.yaml") {
		t.Errorf("a file that does not exist: %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	isolate(t)
	for _, test := range []struct {
		args string
		want int
	}{
		{"version", exitOK}, {"serve --bogus", exitError}, {"serve", exitError}, {"history --data-dir /nowhere", exitError}, {"history a b", exitError},
		{"plan --bogus", exitTrouble}, {"plan --repo r --dir d", exitTrouble}, {"plan a b", exitTrouble}, {"plan --data-dir /nowhere", exitTrouble},
		{"status -o yaml", exitTrouble}, {"status --data-dir /nowhere", exitTrouble}, {"status --help", exitOK},
	} {
		var out bytes.Buffer
		root := newRoot()
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(strings.Fields(test.args))
		command, err := root.ExecuteContextC(t.Context())
		if got := exitCode(command, err); got != test.want {
			t.Errorf("coracle %s: exit code %d, want %d: %s", test.args, got, test.want, out.String())
		}
	}
}
