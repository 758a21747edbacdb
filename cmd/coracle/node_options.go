package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// nodeOptions are the flags of `coracle node`, and the keys of its --config file.
type nodeOptions struct {
	config  string
	dataDir string

	server   string
	token    string
	nodeName string
	labels   map[string]string
	taints   []string
	engineOptions
	heartbeat time.Duration

	logLevel string
}

func (o *nodeOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.config, "config", "", "YAML `file` with these flags as its keys; flags win over it")
	flags.StringVar(&o.server, "server", "", "`URL` of the server's Kubernetes API, as https://host:6443")
	flags.StringVar(&o.token, "token", "", "`token` to join with, from coracle token create; not needed again once joined")
	flags.StringVar(&o.nodeName, "node-name", "", "`name` of this machine's Node (default: the name it joined by, else its host name)")
	flags.StringToStringVar(&o.labels, "labels", nil, "labels of this machine's Node, as `key=value`,…")
	flags.Lookup("labels").DefValue = "" // where pflag would say []
	flags.StringSliceVar(&o.taints, "taints", nil, "taints of this machine's Node when it is made, as `key=value:Effect`,…")
	o.engineOptions.register(flags)
	registerHeartbeat(flags, &o.heartbeat)
	flags.StringVar(&o.dataDir, "data-dir", defaultDataDir(), "`directory` of this machine's certificate and of its Pods' volumes")
	flags.StringVar(&o.logLevel, "log-level", "info", "`level`: debug, info, warn or error")
}

func (o *nodeOptions) validate() error {
	if o.server == "" {
		return errors.New("say which server to join: --server https://host:6443")
	}
	server, err := url.Parse(o.server)
	if err != nil || server.Scheme != "https" || server.Host == "" || strings.Trim(server.Path, "/") != "" {
		return fmt.Errorf("--server %q: it is a URL, as https://host:6443", o.server)
	}
	o.server = "https://" + server.Host
	if !slices.Contains(logLevels, o.logLevel) {
		return fmt.Errorf("--log-level %q: it is debug, info, warn or error", o.logLevel)
	}
	if err := validateNodeName(o.nodeName); err != nil {
		return err
	}
	if problems := metav1validation.ValidateLabels(o.labels, field.NewPath("--labels")); len(problems) > 0 {
		return problems[0]
	}
	if _, err := parseTaints(o.taints); err != nil {
		return fmt.Errorf("--taints: %w", err)
	}
	if err := validateHeartbeat(o.heartbeat); err != nil {
		return err
	}
	if o.dataDir, err = filepath.Abs(o.dataDir); err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	return o.engineOptions.validate()
}

func newNode() *cobra.Command {
	options := &nodeOptions{}
	command := &cobra.Command{
		Use:   "node --server URL [--token TOKEN] [flags]",
		Short: "Join this machine to a server: run the Pods that are bound to it",
		Long: `Makes this machine a node of the server: its Docker Engine runs the Pods that are bound to it.

The first start needs a token of the server (coracle token create). It holds the hash of the server's certificate authority,
so no other server can answer for it. The machine gets a certificate of its own, which it keeps in its data directory and
renews by itself: later starts need no token.

All connections are opened from here; nothing listens. While the server is away, containers run on and are probed and
restarted. SIGTERM and Ctrl-C end the agent and leave the containers running; the next one takes them over.`,
		Example: `  coracle token create                                                 # on the server
  coracle node --server https://raspi001:6443 --token TOKEN --labels type=AWS
  coracle node --server https://raspi001:6443                          # later
  coracle node --config /etc/coracle-node.yaml                         # the flags as keys: server, labels, …`,
	}
	longRunning(command, options, &options.config, &options.logLevel, func(ctx context.Context, logger zerolog.Logger) error {
		return runNode(ctx, options, logger)
	})
	return command
}
