package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"coracle.dev/coracle/reconcile/apiserver"
	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/docker"
	"coracle.dev/coracle/runtime/memory"
	"coracle.dev/coracle/runtime/node"
)

// machines are the nodes inside the daemon: this machine's, or, on engines that only pretend, as many as asked for.
type machines struct {
	options *serveOptions
	log     zerolog.Logger
	pipes   map[string]*pipe // by node
}

func newMachines(options *serveOptions, log zerolog.Logger) *machines {
	m := &machines{options: options, log: log, pipes: map[string]*pipe{}}
	for i := range options.nodes {
		m.pipes[m.name(i)] = newPipe()
	}
	return m
}

func (m *machines) name(i int) string {
	name := m.options.nodeName
	if name == "" {
		name, _ = os.Hostname()
		name = strings.ToLower(name)
	}
	if m.options.nodes > 1 {
		name = fmt.Sprintf("%s-%d", name, i)
	}
	return name
}

// dial is an apiserver.NodeDialer.
func (m *machines) dial(ctx context.Context, name string) (net.Conn, error) {
	pipe, known := m.pipes[name]
	if !known {
		return nil, errors.New("it is not connected")
	}
	return pipe.dial(ctx)
}

func (m *machines) nodes(server *apiserver.Server, events *events) ([]*node.Node, error) {
	cluster, err := netip.ParsePrefix(m.options.podCIDR)
	if err != nil {
		return nil, fmt.Errorf("--pod-cidr: %w", err)
	}
	address := m.options.nodeIP
	if address == "" {
		address = defaultRouteIP()
	}
	secrets, err := m.tmpfsDir()
	if err != nil {
		return nil, err
	}
	var nodes []*node.Node
	for i := range m.options.nodes {
		name := m.name(i)
		subnet, err := podSubnet(cluster, i)
		if err != nil {
			return nil, err
		}
		engine, err := m.engine(name)
		if err != nil {
			return nil, err
		}
		created, err := node.New(node.Options{
			Name: name, Engine: engine, Client: server.Client(), DataDir: m.dataDir(name), TmpfsDir: secrets, PodCIDR: subnet.String(), Network: m.options.podNetwork,
			Labels: m.options.labels, InternalIP: address, Version: apiserver.Version(),
			Heartbeat: m.options.heartbeat, Recorder: events.recorder("kubelet", name), Logger: m.log, Dial: m.dialer(engine),
		})
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
func (m *machines) tmpfsDir() (string, error) {
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
	digest := sha256.Sum256([]byte(m.options.dataDir))
	return filepath.Join(own, hex.EncodeToString(digest[:6])), nil
}

func (m *machines) engine(name string) (runtime.Engine, error) {
	if m.options.engine == "memory" {
		return memory.New(memory.Options{NodeName: name}), nil
	}
	return docker.New(docker.Options{Host: m.options.dockerHost, NodeName: name, Logger: m.log})
}

// dialer is how probes reach a Pod: by its address, or, where addresses lead nowhere, through the engine.
func (m *machines) dialer(engine runtime.Engine) func(ctx context.Context, id, ip string, port int) (net.Conn, error) {
	if m.options.engine != "memory" {
		return nil
	}
	return func(ctx context.Context, id, _ string, port int) (net.Conn, error) { return engine.Dial(ctx, id, port) }
}

// podSubnet is the i-th /24 of the cluster's network.
func podSubnet(cluster netip.Prefix, i int) (netip.Prefix, error) {
	base := cluster.Masked().Addr()
	if !base.Is4() || cluster.Bits() > 24 || i >= 1<<(24-cluster.Bits()) {
		return netip.Prefix{}, fmt.Errorf("--pod-cidr %s: no room for a /24 of node %d", cluster, i+1)
	}
	octets := base.As4()
	number := uint32(octets[0])<<16 | uint32(octets[1])<<8 | uint32(octets[2])
	number += uint32(i)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(number >> 16), byte(number >> 8), byte(number), 0}), 24), nil
}

// serve answers the API server's requests for the node's streams until ctx ends.
func (m *machines) serve(ctx context.Context, node *node.Node) error {
	pipe := m.pipes[node.Name]
	server := &http.Server{Handler: node.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(pipe); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the streams of node %s: %w", node.Name, err)
	}
	return nil
}

// defaultRouteIP is the address that this machine uses towards others; "127.0.0.1" where it has no route. Connecting a
// UDP socket sends nothing.
func defaultRouteIP() string {
	conn, err := net.Dial("udp", "192.0.2.1:9")
	if err != nil {
		return "127.0.0.1"
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String()
}
