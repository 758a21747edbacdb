package apiserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
	"github.com/rs/zerolog"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericserver "k8s.io/apiserver/pkg/server"
)

const (
	// TunnelPath is where a node opens its tunnel. The parameter "agent" tells one run of a node from another machine's that
	// has the same name.
	TunnelPath = "/coracle/connect"
	// tunnelProtocol is what the connection becomes.
	tunnelProtocol = "yamux"

	nodeUserPrefix = "system:node:"
)

// A link that is dead without a sign is noticed within the sum of the two.
const (
	tunnelPingPeriod  = 5 * time.Second
	tunnelPingTimeout = 8 * time.Second
)

// errNotConnected is what there is to say of a node that has no tunnel now.
var errNotConnected = errors.New("it is not connected")

// Tunnels are the connections that nodes of other machines have opened, and over which the server reaches them: nothing
// listens on a node. A node has one at a time, and only who holds its certificate opens it.
type Tunnels struct {
	log         zerolog.Logger
	local       func(node string) bool
	pingPeriod  time.Duration
	pingTimeout time.Duration

	mu       sync.Mutex
	sessions map[string]*tunnel // by node
	closed   bool
}

type tunnel struct {
	*yamux.Session
	agent, from string
}

// NewTunnels makes the registry, with no tunnel. local names the nodes that are in this process, and need none.
func NewTunnels(log zerolog.Logger, local func(node string) bool) *Tunnels {
	return &Tunnels{log: log, local: local, pingPeriod: tunnelPingPeriod, pingTimeout: tunnelPingTimeout, sessions: map[string]*tunnel{}}
}

// Dial is a NodeDialer.
func (t *Tunnels) Dial(_ context.Context, node string) (net.Conn, error) {
	t.mu.Lock()
	session := t.sessions[node]
	t.mu.Unlock()
	if session == nil {
		return nil, errNotConnected
	}
	return session.Open()
}

// Connected says whether a node is in this process, or has a tunnel that answers.
func (t *Tunnels) Connected(node string) bool {
	if t.local(node) {
		return true
	}
	t.mu.Lock()
	session := t.sessions[node]
	t.mu.Unlock()
	return session.answers()
}

func (t *tunnel) answers() bool {
	if t == nil {
		return false
	}
	_, err := t.Ping()
	return err == nil
}

// ServeHTTP makes a node's request its tunnel, until either end closes it. A newer one of the same agent takes the place of the
// older, which is a broken link's rest; one of another agent only once the older is dead.
func (t *Tunnels) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller, _ := request.UserFrom(r.Context())
	node, ok := nodeOf(caller)
	agent := r.URL.Query().Get("agent")
	switch {
	case !ok:
		http.Error(w, "only nodes open tunnels", http.StatusForbidden)
	case r.ProtoMajor != 1 || !strings.EqualFold(r.Header.Get("Upgrade"), tunnelProtocol):
		http.Error(w, "a tunnel begins as HTTP/1.1 with Upgrade: "+tunnelProtocol, http.StatusBadRequest)
	case t.local(node):
		http.Error(w, fmt.Sprintf("the name %q is taken by the server's own node", node), http.StatusConflict)
	default:
		if other := t.other(node, agent); other.answers() {
			http.Error(w, fmt.Sprintf("the name %q is taken by a node that is connected from %s", node, other.from), http.StatusConflict)
			return
		}
		t.open(w, r, node, agent)
	}
}

// other is the tunnel of that name that another agent has, if one has.
func (t *Tunnels) other(node, agent string) *tunnel {
	t.mu.Lock()
	defer t.mu.Unlock()
	if session := t.sessions[node]; session != nil && session.agent != agent {
		return session
	}
	return nil
}

func (t *Tunnels) open(w http.ResponseWriter, r *http.Request, node, agent string) {
	conn, err := upgrade(w)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	multiplexed, err := yamux.Client(conn, t.config())
	if err != nil {
		_ = conn.Close()
		return
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	session := &tunnel{Session: multiplexed, agent: agent, from: host}
	if !t.add(node, session) {
		_ = session.Close()
		return
	}
	t.log.Info().Str("node", node).Str("from", host).Msg("connected")
	<-session.CloseChan()
	if t.remove(node, session) {
		t.log.Warn().Str("node", node).Msg("disconnected")
	}
}

// upgrade takes the connection over from the HTTP server.
func upgrade(w http.ResponseWriter) (net.Conn, error) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return nil, errors.New("this connection cannot become a tunnel")
	}
	conn, buffered, err := hijacker.Hijack()
	if err != nil {
		return nil, fmt.Errorf("open tunnel: %w", err)
	}
	if err := accept(conn, buffered.Reader); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func accept(conn net.Conn, early *bufio.Reader) error {
	if early.Buffered() > 0 {
		return errors.New("open tunnel: the node spoke too early")
	}
	_, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+tunnelProtocol+"\r\n\r\n")
	return err
}

func (t *Tunnels) config() *yamux.Config {
	config := yamux.DefaultConfig()
	config.KeepAliveInterval, config.ConnectionWriteTimeout = t.pingPeriod, t.pingTimeout
	config.LogOutput, config.Logger = nil, log.New(io.Discard, "", 0) // what ends a tunnel is logged here
	return config
}

// add is false once the server stops.
func (t *Tunnels) add(node string, session *tunnel) bool {
	t.mu.Lock()
	older, closed := t.sessions[node], t.closed
	if !closed {
		t.sessions[node] = session
	}
	t.mu.Unlock()
	if older != nil && !closed {
		_ = older.Close()
	}
	return !closed
}

// remove says whether the session was the node's, and not one that a newer has replaced.
func (t *Tunnels) remove(node string, session *tunnel) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	current := t.sessions[node] == session
	if current {
		delete(t.sessions, node)
	}
	return current && !t.closed
}

// Close ends all tunnels, for good.
func (t *Tunnels) Close() {
	t.mu.Lock()
	t.closed = true
	var open []*tunnel
	for _, session := range t.sessions {
		open = append(open, session)
	}
	t.mu.Unlock()
	for _, session := range open {
		_ = session.Close()
	}
}

// nodeOf is the node that a caller is, by its certificate.
func nodeOf(caller user.Info) (string, bool) {
	if caller == nil || !slices.Contains(caller.GetGroups(), user.NodesGroup) {
		return "", false
	}
	name, ok := strings.CutPrefix(caller.GetName(), nodeUserPrefix)
	return name, ok && name != ""
}

// lastLong lets tunnels be open for as long as they like. Who may open one, nodeaccess says, and of which node, ServeHTTP.
func lastLong(config *genericserver.Config) {
	others := config.LongRunningFunc
	config.LongRunningFunc = func(r *http.Request, info *request.RequestInfo) bool {
		return info.Path == TunnelPath || others(r, info)
	}
}
