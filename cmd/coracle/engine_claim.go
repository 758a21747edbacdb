package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"syscall"
)

// engineClaim keeps other nodes of this machine off the engine, while this process lives: two would take each other's containers
// for leftovers, or give an address out twice. Nodes of other names and networks may share an engine.
type engineClaim struct {
	node, network string

	mu   sync.Mutex
	held map[string]net.Listener // by what is claimed
}

// hold claims the engine with that ID for the node's name and for its network.
func (c *engineClaim) hold(engine string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		c.held = map[string]net.Listener{}
	}
	for _, what := range []string{"node " + c.node, "network " + c.network} {
		key := engine + " " + what
		if c.held[key] != nil {
			continue
		}
		listener, err := claim(key)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("another coracle on this machine runs %s on this container engine; stop it, or give this one another --node-name and --pod-network", what)
		}
		if err != nil {
			return fmt.Errorf("claim the container engine: %w", err)
		}
		c.held[key] = listener
	}
	return nil
}

// claim takes a name among the machine's abstract sockets, which the kernel gives back with the end of the process. Nobody
// connects to it, and where there are no such sockets nothing is claimed.
func claim(key string) (net.Listener, error) {
	if runtime.GOOS != "linux" {
		return &net.UnixListener{}, nil
	}
	digest := sha256.Sum256([]byte(key))
	return net.Listen("unix", "@coracle-"+hex.EncodeToString(digest[:12]))
}
