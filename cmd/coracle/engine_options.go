package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"coracle.dev/coracle/reconcile/apiserver"
	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/docker"
	"coracle.dev/coracle/runtime/memory"
	"coracle.dev/coracle/runtime/node"
)

// engineOptions are the flags about a machine's container engine, which `coracle serve` and `coracle node` share.
type engineOptions struct {
	engine     string
	dockerHost string
	podNetwork string
	nodeIP     string
}

func (o *engineOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.engine, "engine", "docker", "container `engine`: docker, or memory, which only pretends")
	flags.StringVar(&o.dockerHost, "docker-host", "", "`address` of the Docker Engine (default: $DOCKER_HOST, then its usual socket)")
	flags.StringVar(&o.podNetwork, "pod-network", "coracle", "`name` of the Pods' network on the engine; daemons that share an engine need one each")
	flags.StringVar(&o.nodeIP, "node-ip", "", "`address` of this machine that is shown for its Node (default: that of its default route)")
}

func (o *engineOptions) validate() error {
	switch {
	case o.engine != "docker" && o.engine != "memory":
		return fmt.Errorf("--engine %q: it is docker or memory", o.engine)
	case o.engine == "memory" && o.dockerHost != "":
		return errors.New("--docker-host goes with --engine docker only")
	case o.podNetwork == "":
		return errors.New("--pod-network: the name is empty")
	}
	if _, err := netip.ParseAddr(o.nodeIP); err != nil && o.nodeIP != "" {
		return fmt.Errorf("--node-ip %q: it is an IP address", o.nodeIP)
	}
	return nil
}

// node are a Node's options as far as its engine gives them.
func (o *engineOptions) node(name string, log zerolog.Logger) (node.Options, error) {
	options := node.Options{Name: name, Network: o.podNetwork, InternalIP: o.nodeIP, Version: apiserver.Version(), Logger: log}
	if options.InternalIP == "" {
		options.InternalIP = defaultRouteIP()
	}
	if o.engine == "memory" {
		engine := memory.New(memory.Options{NodeName: name})
		// Addresses lead nowhere: probes reach a Pod through the engine.
		options.Engine = engine
		options.Dial = func(ctx context.Context, id, _ string, port int) (net.Conn, error) { return engine.Dial(ctx, id, port) }
		return options, nil
	}
	engine, err := docker.New(docker.Options{Host: o.dockerHost, NodeName: name, Logger: log})
	if err != nil {
		return options, err
	}
	claim := &engineClaim{node: name, network: o.podNetwork}
	options.Engine = engine
	options.Claim = func(info runtime.Info) error { return claim.hold(info.ID) }
	if engine.Local() {
		options.CheckCIDR = checkPodCIDR
	}
	return options, nil
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
