package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/apiserver"
)

// serveOptions are the flags of `coracle serve`, and the keys of its --config file.
type serveOptions struct {
	config  string
	dataDir string

	sourceOptions
	poll string

	listen      string
	names       []string
	etcdServers []string

	engineOptions
	nodeName string
	nodes    int
	noNode   bool
	podCIDR  string
	labels   map[string]string
	taints   []string

	autoscalingOptions

	fleetOptions

	logLevel string
}

func (o *serveOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.config, "config", "", "YAML `file` with these flags as its keys; flags win over it")
	flags.StringVar(&o.dataDir, "data-dir", defaultDataDir(), "`directory` of all state; its file kubeconfig is for kubectl")
	o.sourceOptions.register(flags)
	flags.StringVar(&o.poll, "poll", "@every 30s", "`schedule` of looking for new commits, as cron has it: \"@every 30s\", \"*/5 * * * *\"")
	flags.StringVar(&o.listen, "listen", "127.0.0.1:6443", "`address` and port of the Kubernetes API")
	flags.StringSliceVar(&o.names, "name", nil, "further `names` or addresses of this server, for its certificate")
	flags.StringSliceVar(&o.etcdServers, "etcd-servers", nil, "`URLs` of an outside etcd (default: one inside coracle)")
	o.engineOptions.register(flags)
	flags.StringVar(&o.nodeName, "node-name", "", "`name` of this machine's Node (default: its host name)")
	flags.IntVar(&o.nodes, "nodes", 1, "`number` of simulated nodes, with --engine memory; 0 is --no-node")
	flags.BoolVar(&o.noNode, "no-node", false, "run no containers on this machine: it only controls the others, and needs no engine")
	flags.StringVar(&o.podCIDR, "pod-cidr", "10.244.0.0/16", "`network` of the Pods; each node has a /24 of it")
	flags.StringToStringVar(&o.labels, "node-labels", nil, "labels of this machine's Node, as `key=value`,…")
	flags.Lookup("node-labels").DefValue = "" // where pflag would say []
	flags.StringSliceVar(&o.taints, "node-taints", nil, "taints of this machine's Node when it is made, as `key=value:Effect`,…")
	o.autoscalingOptions.register(flags)
	o.fleetOptions.register(flags)
	flags.StringVar(&o.logLevel, "log-level", "info", "`level`: debug, info, warn or error")
}

var logLevels = []string{"debug", "info", "warn", "error"} // as zerolog names them

// validate refuses what cannot be meant, before anything is touched.
func (o *serveOptions) validate() error {
	if o.repo == "" && o.dir == "" {
		return errors.New("say where the manifests are: --repo URL or --dir PATH")
	}
	if err := o.sourceOptions.validate(); err != nil {
		return err
	}
	if _, err := gitsource.ParseSchedule(o.poll); err != nil {
		return fmt.Errorf("--poll: %w", err)
	}
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return fmt.Errorf("--listen %q: it is an address and a port, as 127.0.0.1:6443", o.listen)
	}
	if err := o.autoscalingOptions.validate(); err != nil {
		return err
	}
	if !slices.Contains(logLevels, o.logLevel) {
		return fmt.Errorf("--log-level %q: it is debug, info, warn or error", o.logLevel)
	}
	if err := o.fleetOptions.validate(); err != nil {
		return err
	}
	return o.validateNode()
}

func (o *serveOptions) validateNode() error {
	if err := o.engineOptions.validate(); err != nil {
		return err
	}
	switch {
	case o.nodes < 0:
		return fmt.Errorf("--nodes %d: at least 0", o.nodes)
	case o.nodes > 1 && o.engine != "memory":
		return errors.New("--nodes simulates machines: it goes with --engine memory only")
	case o.nodes > 1 && o.noNode:
		return errors.New("--no-node and --nodes contradict each other")
	case o.noNode:
		o.nodes = 0
	}
	if err := validateNodeName(o.nodeName); err != nil {
		return err
	}
	if _, err := parseTaints(o.taints); err != nil {
		return fmt.Errorf("--node-taints: %w", err)
	}
	return validatePodCIDR(o.podCIDR, o.nodes)
}

func validateNodeName(name string) error {
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 && name != "" {
		return fmt.Errorf("--node-name %q: %s", name, problems[0])
	}
	return nil
}

// validatePodCIDR wants room for a /24 of each node, apart from where Services have their addresses.
func validatePodCIDR(text string, nodes int) error {
	cluster, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return fmt.Errorf("--pod-cidr %q: it is a network, as 10.244.0.0/16", text)
	case !cluster.Addr().Is4() || cluster.Bits() > 24:
		return fmt.Errorf("--pod-cidr %s: no room for a /24 of node 1", text)
	case nodes > 1<<(24-cluster.Bits()):
		return fmt.Errorf("--pod-cidr %s: no room for a /24 of node %d", text, nodes)
	case cluster.Overlaps(apiserver.DefaultServiceSubnet):
		return fmt.Errorf("--pod-cidr %s overlaps with %s, where Services have their addresses", text, apiserver.DefaultServiceSubnet)
	}
	return nil
}

func newServe() *cobra.Command {
	options := &serveOptions{}
	command := &cobra.Command{
		Use:   "serve (--repo URL | --dir PATH) [flags]",
		Short: "Run the daemon: make this machine match the manifests, and serve the Kubernetes API",
		Long: `Runs the daemon: it follows a Git repository or a directory of Kubernetes manifests, makes this
machine's Docker Engine match them, and serves the Kubernetes API, with which kubectl shows it all.

The flags --repo or --dir and what belongs to them become the Application named "default". All state is in the data
directory, of which one daemon runs at a time; it writes the kubeconfig there. The API server also answers /readyz,
/livez and /metrics. SIGTERM and Ctrl-C end the daemon and leave the containers running; the next one takes them over.`,
		Example: `  coracle serve --repo https://git.example.org/shop.git --branch main --path deploy
  coracle serve --repo git@git.example.org:shop.git --poll "*/5 * * * *"
  coracle serve --dir ./manifests --data-dir ./data
  coracle serve --config /etc/coracle.yaml                     # the flags as keys: repo, data-dir, …
  coracle serve --engine memory --nodes 10 --dir ./manifests   # no containers: a rehearsal`,
	}
	longRunning(command, options, &options.config, &options.logLevel, func(ctx context.Context, logger zerolog.Logger) error {
		return serve(ctx, options, logger)
	})
	return command
}
