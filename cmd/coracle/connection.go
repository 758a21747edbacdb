package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"coracle.dev/coracle/reconcile"
)

// connection holds the flags that say which API server a verb speaks to.
type connection struct {
	dataDir    string
	kubeconfig string
	given      func(flag string) bool
}

func (c *connection) register(command *cobra.Command) {
	dataDirFlag(command, &c.dataDir)
	command.Flags().StringVar(&c.kubeconfig, "kubeconfig", "", "kubeconfig `file`, instead of the data directory's (default: $KUBECONFIG, unless --data-dir is given)")
	c.given = command.Flags().Changed
}

// kubeconfigPath is the file to read; "" leaves it to $KUBECONFIG, which may be a list. What was given by hand goes first.
func kubeconfigPath(kubeconfig, dataDir string, dataDirGiven bool, environment string) string {
	switch {
	case kubeconfig != "":
		return kubeconfig
	case environment != "" && !dataDirGiven:
		return ""
	}
	return filepath.Join(dataDir, "kubeconfig")
}

// remote is an API server, most often a daemon's.
type remote struct {
	address string
	config  string // where that is from
	client  dynamic.Interface
	served  discovery.DiscoveryInterface
	cluster *reconcile.Cluster
	// typed is for the kinds of Kubernetes; settings are what all clients are made of
	typed    kubernetes.Interface
	settings *rest.Config
}

// open reads the kubeconfig and connects to nothing yet.
func (c *connection) open() (*remote, error) {
	path := kubeconfigPath(c.kubeconfig, c.dataDir, c.given("data-dir"), os.Getenv("KUBECONFIG"))
	if path != "" {
		if err := checkKubeconfig(path, c.dataDir); err != nil {
			return nil, err
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if path == "" {
		path = "$KUBECONFIG"
	}
	if clientcmd.IsEmptyConfig(err) {
		return nil, fmt.Errorf("%s names no cluster; does the file exist?", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	config.QPS = -1 // no limit: one command asks little
	config.WarningHandler = rest.NewWarningWriter(os.Stderr, rest.WarningWriterOptions{Deduplicate: true})
	r := &remote{address: config.Host, config: path, settings: config}
	if r.client, err = dynamic.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("use %s: %w", path, err)
	}
	if r.served, err = discovery.NewDiscoveryClientForConfig(config); err != nil {
		return nil, fmt.Errorf("use %s: %w", path, err)
	}
	if r.typed, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("use %s: %w", path, err)
	}
	r.cluster = reconcile.NewCluster(r.client, r.served)
	return r, nil
}

// checkKubeconfig says in the user's terms why the file, most often the one of the data directory, cannot be used.
func checkKubeconfig(path, dataDir string) error {
	file, err := os.Open(path)
	switch {
	case err == nil:
		return file.Close()
	case errors.Is(err, fs.ErrNotExist) && path == filepath.Join(dataDir, "kubeconfig"):
		return fmt.Errorf("no daemon has run with data directory %s; start one with: coracle serve --data-dir %[1]s --repo URL (or name its directory with --data-dir)", dataDir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read by this user: it gives full access to the daemon; ask as the user that runs it", path)
	}
	return err
}

// explain gives an error of the API in the user's terms.
func (r *remote) explain(err error) error {
	var authority x509.UnknownAuthorityError
	var network net.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("the daemon at %s does not answer; is it running? Start it with: coracle serve", r.address)
	case errors.As(err, &authority):
		return fmt.Errorf("what listens at %s is not the server that %s is for: another authority signed its certificate", r.address, r.config)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the server at %s refuses the credentials of %s", r.address, r.config)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("the daemon at %s did not answer in time", r.address)
	}
	return err
}
