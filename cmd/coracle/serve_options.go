package main

import (
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

	engine     string
	dockerHost string
	nodeName   string
	nodes      int
	podCIDR    string
	podNetwork string
	nodeIP     string
	labels     map[string]string

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
	flags.StringVar(&o.engine, "engine", "docker", "container `engine`: docker, or memory, which only pretends")
	flags.StringVar(&o.dockerHost, "docker-host", "", "`address` of the Docker Engine (default: $DOCKER_HOST, then its usual socket)")
	flags.StringVar(&o.nodeName, "node-name", "", "`name` of this machine's Node (default: its host name)")
	flags.IntVar(&o.nodes, "nodes", 1, "`number` of simulated nodes, with --engine memory")
	flags.StringVar(&o.podCIDR, "pod-cidr", "10.244.0.0/16", "`network` of the Pods; each node has a /24 of it")
	flags.StringVar(&o.podNetwork, "pod-network", "coracle", "`name` of that network on the engine; daemons that share an engine need one each")
	flags.StringVar(&o.nodeIP, "node-ip", "", "`address` of this machine that is shown for its Node (default: that of its default route)")
	flags.StringToStringVar(&o.labels, "node-labels", nil, "labels of this machine's Node, as `key=value`,…")
	flags.Lookup("node-labels").DefValue = "" // where pflag would say []
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
	switch {
	case o.engine != "docker" && o.engine != "memory":
		return fmt.Errorf("--engine %q: it is docker or memory", o.engine)
	case o.engine == "memory" && o.dockerHost != "":
		return errors.New("--docker-host goes with --engine docker only")
	case o.nodes < 1:
		return fmt.Errorf("--nodes %d: at least 1", o.nodes)
	case o.nodes > 1 && o.engine != "memory":
		return errors.New("--nodes simulates machines: it goes with --engine memory only")
	}
	if o.nodeName != "" {
		if problems := validation.IsDNS1123Subdomain(o.nodeName); len(problems) > 0 {
			return fmt.Errorf("--node-name %q: %s", o.nodeName, problems[0])
		}
	}
	if _, err := netip.ParseAddr(o.nodeIP); err != nil && o.nodeIP != "" {
		return fmt.Errorf("--node-ip %q: it is an IP address", o.nodeIP)
	}
	cluster, err := netip.ParsePrefix(o.podCIDR)
	if err != nil {
		return fmt.Errorf("--pod-cidr %q: it is a network, as 10.244.0.0/16", o.podCIDR)
	}
	_, err = podSubnet(cluster, o.nodes-1)
	return err
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
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if options.config != "" {
				if err := readConfig(options.config, command.Flags()); err != nil {
					return err
				}
			}
			if err := options.validate(); err != nil {
				return err
			}
			level, err := zerolog.ParseLevel(options.logLevel)
			if err != nil {
				return err
			}
			return serve(command.Context(), options, newLogger(level))
		},
	}
	command.Flags().SortFlags = false // in the order in which they matter
	options.register(command.Flags())
	complete(command, "engine", "docker", "memory")
	complete(command, "log-level", logLevels...)
	return command
}
