package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// serveOptions are the flags of `coracle serve`, and the keys of its --config file.
type serveOptions struct {
	config string

	dataDir string
	repo    string
	branch  string
	dir     string
	path    string
	poll    string
	// credentials of the repository
	username, passwordFile, sshKey, knownHosts string

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

	logLevel string
}

func (o *serveOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.config, "config", "", "YAML file with these flags as keys, as `repo: https://…`; flags win over it")
	flags.StringVar(&o.dataDir, "data-dir", defaultDataDir(), "directory of all state; its file kubeconfig is for kubectl")
	flags.StringVar(&o.repo, "repo", "", "Git repository of the manifests: a path, file://, http(s)://, ssh:// or user@host:path")
	flags.StringVar(&o.branch, "branch", "", "branch, tag or full commit of the repository (default: its HEAD)")
	flags.StringVar(&o.dir, "dir", "", "directory of manifests, instead of a repository")
	flags.StringVar(&o.path, "path", "", "subdirectory of the repository or directory that holds the manifests")
	flags.StringVar(&o.poll, "poll", "@every 30s", "when to look for new commits, as cron has it: \"@every 30s\", \"*/5 * * * *\"")
	flags.StringVar(&o.username, "git-username", "", "user name for an http(s) repository")
	flags.StringVar(&o.passwordFile, "git-password-file", "", "file with the password or token for an http(s) repository")
	flags.StringVar(&o.sshKey, "git-ssh-key", "", "private key file for an ssh repository (default: the agent's, then ~/.ssh)")
	flags.StringVar(&o.knownHosts, "git-known-hosts", "", "file of known ssh hosts (default: ~/.ssh/known_hosts)")
	flags.StringVar(&o.listen, "listen", "127.0.0.1:6443", "address of the Kubernetes API")
	flags.StringSliceVar(&o.names, "name", nil, "further names or addresses of this server, for its certificate")
	flags.StringSliceVar(&o.etcdServers, "etcd-servers", nil, "URLs of an outside etcd (default: one inside coracle)")
	flags.StringVar(&o.engine, "engine", "docker", "container engine: docker, or memory, which only pretends")
	flags.StringVar(&o.dockerHost, "docker-host", "", "address of the Docker Engine (default: $DOCKER_HOST, then its usual socket)")
	flags.StringVar(&o.nodeName, "node-name", "", "name of this machine's Node (default: its host name)")
	flags.IntVar(&o.nodes, "nodes", 1, "number of simulated nodes, with --engine memory")
	flags.StringVar(&o.podCIDR, "pod-cidr", "10.244.0.0/16", "network of the Pods; each node has a /24 of it")
	flags.StringVar(&o.podNetwork, "pod-network", "coracle", "name of that network on the engine; daemons that share an engine need one each")
	flags.StringVar(&o.nodeIP, "node-ip", "", "address of this machine that is shown for its Node (default: that of its default route)")
	flags.StringToStringVar(&o.labels, "node-labels", nil, "labels of this machine's Node")
	flags.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
}

// readConfig sets the flags that the --config file has and the command line has not.
func (o *serveOptions) readConfig(flags *pflag.FlagSet) error {
	if o.config == "" {
		return nil
	}
	data, err := os.ReadFile(o.config)
	if err != nil {
		return fmt.Errorf("read --config: %w", err)
	}
	values := map[string]any{}
	if err := yaml.UnmarshalStrict(data, &values); err != nil {
		return fmt.Errorf("read --config %s: %w", o.config, err)
	}
	for key, value := range values {
		flag := flags.Lookup(key)
		if flag == nil || key == "config" {
			return fmt.Errorf("read --config %s: unknown key %q; the keys are the flags that coracle serve --help lists", o.config, key)
		}
		if flag.Changed {
			continue
		}
		text, err := flagText(value)
		if err == nil {
			err = flags.Set(key, text)
		}
		if err != nil {
			return fmt.Errorf("read --config %s: %s: %w", o.config, key, err)
		}
	}
	return nil
}

// flagText is a YAML value as it would be written on the command line.
func flagText(value any) (string, error) {
	switch v := value.(type) {
	case string, bool, float64, int64:
		return fmt.Sprint(v), nil
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, fmt.Sprint(item))
		}
		return strings.Join(parts, ","), nil
	case map[string]any:
		var parts []string
		for key, item := range v {
			parts = append(parts, key+"="+fmt.Sprint(item))
		}
		return strings.Join(parts, ","), nil
	default:
		return "", fmt.Errorf("a value of type %T has no meaning here", value)
	}
}

func (o *serveOptions) validate() error {
	switch {
	case o.repo == "" && o.dir == "":
		return errors.New("say where the manifests are: --repo URL or --dir PATH")
	case o.repo != "" && o.dir != "":
		return errors.New("--repo and --dir exclude each other")
	case o.dir != "" && o.branch != "":
		return errors.New("--branch is for --repo; a --dir is taken as it is")
	case o.engine != "docker" && o.engine != "memory":
		return fmt.Errorf("--engine %q: it is docker or memory", o.engine)
	case o.nodes < 1:
		return fmt.Errorf("--nodes %d: at least 1", o.nodes)
	case o.nodes > 1 && o.engine != "memory":
		return errors.New("--nodes simulates machines: it goes with --engine memory only")
	}
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return fmt.Errorf("--listen %q: %w", o.listen, err)
	}
	return nil
}

func newServe() *cobra.Command {
	options := &serveOptions{}
	command := &cobra.Command{
		Use:   "serve (--repo URL | --dir PATH) [flags]",
		Short: "Run the daemon: make this machine match the manifests, and serve the Kubernetes API",
		Example: `  coracle serve --repo https://git.example.org/shop.git --branch main --path deploy
  coracle serve --dir ./manifests --data-dir ./data
  coracle serve --engine memory --nodes 10 --dir ./manifests   # no containers: a rehearsal`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := options.readConfig(command.Flags()); err != nil {
				return err
			}
			if err := options.validate(); err != nil {
				return err
			}
			return serve(command.Context(), options)
		},
	}
	options.register(command.Flags())
	return command
}
