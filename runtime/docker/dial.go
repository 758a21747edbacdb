package docker

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// Dial enters the container's network namespace where it may (as root, on the engine's machine), so that it also reaches
// a server that listens on loopback only. Elsewhere it connects to the container's address.
func (e *Engine) Dial(ctx context.Context, id string, port int) (net.Conn, error) {
	doing := fmt.Sprintf("dial port %d of container %s", port, short(id))
	found, err := e.running(ctx, id, doing)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readDeadline, slow{readDeadline})
	defer cancel()
	if strings.HasPrefix(e.client.DaemonHost(), "unix://") {
		connection, entered, err := dialInside(ctx, found.ID, found.State.Pid, port)
		if entered {
			return connection, explainDial(ctx, doing, err)
		}
	}
	ip, err := e.address(ctx, found)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
	return connection, explainDial(ctx, doing, err)
}

// explainDial keeps the error of the socket (a caller may want to know ECONNREFUSED): it is the container's, not the engine's.
func explainDial(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// address is where a container can be reached from its machine.
func (e *Engine) address(ctx context.Context, c container.InspectResponse) (string, error) {
	mode := c.HostConfig.NetworkMode
	if mode.IsHost() {
		return "127.0.0.1", nil
	}
	if mode.IsContainer() {
		owner, err := e.inspect(ctx, mode.ConnectedContainer())
		if err != nil {
			return "", err
		}
		return e.address(ctx, owner)
	}
	if ip := inspected(c).IP; ip != "" {
		return ip, nil
	}
	return "", fmt.Errorf("container %s has no network", short(c.ID))
}
