package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"coracle.dev/coracle/reconcile/apiserver"
	"coracle.dev/coracle/runtime/node"
)

// machines are the nodes inside the daemon: this machine's, or, on engines that only pretend, as many as asked for.
type machines struct {
	options *serveOptions
	log     zerolog.Logger
	pipes   map[string]*pipe // by node
	tunnels *apiserver.Tunnels
}

// roleControlPlane is the label by which kubectl shows what the machine of the daemon is.
const roleControlPlane = "node-role.kubernetes.io/control-plane"

// hostName is a Node's name unless another is given.
func hostName() string {
	name, _ := os.Hostname()
	return strings.ToLower(name)
}

func newMachines(options *serveOptions, log zerolog.Logger) *machines {
	m := &machines{options: options, log: log, pipes: map[string]*pipe{}}
	m.tunnels = apiserver.NewTunnels(log, func(name string) bool { return m.pipes[name] != nil })
	for i := range options.nodes {
		m.pipes[m.name(i)] = newPipe()
	}
	return m
}

func (m *machines) name(i int) string {
	name := m.options.nodeName
	if name == "" {
		name = hostName()
	}
	if m.options.nodes > 1 {
		name = fmt.Sprintf("%s-%d", name, i)
	}
	return name
}

// dial is an apiserver.NodeDialer: a node is in this process, or has a tunnel.
func (m *machines) dial(ctx context.Context, name string) (net.Conn, error) {
	if pipe := m.pipes[name]; pipe != nil {
		return pipe.dial(ctx)
	}
	return m.tunnels.Dial(ctx, name)
}

func (m *machines) nodes(server *apiserver.Server, events *events) ([]*node.Node, error) {
	if m.options.nodes == 0 {
		return nil, nil
	}
	secrets, err := tmpfsDir(m.options.dataDir)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{roleControlPlane: ""}
	maps.Copy(labels, m.options.labels)
	taints, err := parseTaints(m.options.taints)
	if err != nil {
		return nil, err
	}
	var nodes []*node.Node
	for i := range m.options.nodes {
		name := m.name(i)
		options, err := m.options.engineOptions.node(name, m.log)
		if err != nil {
			return nil, err
		}
		options.Client, options.DataDir, options.TmpfsDir, options.Labels, options.Taints = server.Client(), m.dataDir(name), secrets, labels, taints
		options.Heartbeat, options.Recorder = m.options.heartbeat, events.recorder("kubelet", name)
		created, err := node.New(options)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, created)
	}
	return nodes, nil
}

func (m *machines) dataDir(name string) string {
	return filepath.Join(m.options.dataDir, "nodes", name)
}

// tmpfsDir keeps Secrets in memory: a directory of this user's and this data directory's own, the same at each start. Nobody
// else may look into it, nor have made it.
func tmpfsDir(dataDir string) (string, error) {
	own := filepath.Join("/dev/shm", fmt.Sprintf("coracle-%d", os.Geteuid()))
	if err := os.Mkdir(own, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make a directory in memory: %w", err)
	}
	info, err := os.Lstat(own)
	if err != nil {
		return "", fmt.Errorf("make a directory in memory: %w", err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || ok && int(stat.Uid) != os.Geteuid() {
		return "", fmt.Errorf("%s is not a directory of this user: somebody else made it; remove it", own)
	}
	if err := os.Chmod(own, 0o700); err != nil {
		return "", fmt.Errorf("make a directory in memory: %w", err)
	}
	digest := sha256.Sum256([]byte(dataDir))
	return filepath.Join(own, hex.EncodeToString(digest[:6])), nil
}

// serve answers the API server's requests for the node's streams until ctx ends.
func (m *machines) serve(ctx context.Context, node *node.Node) error {
	server := &http.Server{Handler: node.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(m.pipes[node.Name]); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the streams of node %s: %w", node.Name, err)
	}
	return nil
}
