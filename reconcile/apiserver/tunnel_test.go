package apiserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	nodetunnel "coracle.dev/coracle/runtime/node/tunnel"
)

// fleet is a place on a server with tunnels, behind a link that can be cut, and the name of a node that is not in its process.
type fleet struct {
	space
	t       *testing.T
	tunnels *Tunnels
	link    *link
	node    string
}

func newFleet(t *testing.T) *fleet {
	f := &fleet{t: t, space: newSpace(t), tunnels: shared.tunnels}
	f.link, f.node = newLink(t, f.options.Listener.Addr().String()), f.named("n1")
	return f
}

// agent opens the tunnel of a user; what it answers names itself. Ended gets what Run returns.
func (f *fleet) agent(user, group, id string) (ended <-chan error, stop func()) {
	f.t.Helper()
	pair, err := f.pki.client(f.named("test-"+id), user, group)
	if err != nil {
		f.t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pair.certificate, pair.key)
	if err != nil {
		f.t.Fatal(err)
	}
	agent := nodetunnel.New(nodetunnel.Options{
		URL: "https://" + f.link.address() + TunnelPath + "?agent=" + id, TLS: &tls.Config{RootCAs: f.pki.pool, Certificates: []tls.Certificate{certificate}},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "I am "+id) }),
		Clock:   clock.RealClock{}, Logger: zerolog.Nop(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	result, done := make(chan error, 1), make(chan struct{})
	go func() { result <- agent.Run(ctx); close(done) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	f.t.Cleanup(stop)
	return result, stop
}

// asks one request of the node's handler, and says "" if it cannot be reached.
func (f *fleet) asks(node string) string {
	client := http.Client{Transport: nodes{f.tunnels.Dial}.transport(node), Timeout: 10 * time.Second}
	response, err := client.Get("http://" + node + "/")
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return string(text)
}

func (f *fleet) eventuallySays(node, want string) {
	f.t.Helper()
	eventually(f.t, node+" says "+want, func() bool { return f.asks(node) == want })
}

func TestLogsComeThroughTheTunnel(t *testing.T) {
	f := newFleet(t)
	here := f.named("here")
	f.addNode(t, here, nil)
	object := pod("web")
	object.Spec.NodeName = f.node
	if _, err := f.Client().CoreV1().Pods(f.namespace).Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	logs := func() (string, error) {
		stream, err := f.Client().CoreV1().Pods(f.namespace).GetLogs("web", &corev1.PodLogOptions{}).Stream(t.Context())
		if err != nil {
			return "", err
		}
		defer stream.Close()
		text, err := io.ReadAll(stream)
		return string(text), err
	}
	if _, err := logs(); err == nil || !strings.Contains(err.Error(), "reach node "+f.node+": it is not connected") {
		t.Errorf("logs without a tunnel: %v", err)
	}
	_, stop := f.agent("system:node:"+f.node, "system:nodes", "a")
	f.eventuallySays(f.node, "I am a")
	if text, err := logs(); text != "I am a" || err != nil {
		t.Errorf("logs %q, %v", text, err)
	}
	if !f.tunnels.Connected(f.node) || !f.tunnels.Connected(here) || f.tunnels.Connected(f.named("n2")) {
		t.Error("connected are not n1 and here alone")
	}
	stop()
	eventually(t, "n1 is away", func() bool { return !f.tunnels.Connected(f.node) })
}

// Only a node's certificate opens a tunnel, and only the one of its own name.
func TestTunnelsAreForNodes(t *testing.T) {
	f := newFleet(t)
	here := f.named("here")
	f.addNode(t, here, nil)
	for _, test := range []struct {
		user, group string
		code        int
		says        string
	}{
		{"somebody", "system:masters", http.StatusForbidden, "only nodes open tunnels"},
		{"system:node:" + f.node, "others", http.StatusForbidden, "cannot get path"},
		{"system:node:", "system:nodes", http.StatusForbidden, "cannot get path"},
		{"system:node:" + here, "system:nodes", http.StatusConflict, `the name "` + here + `" is taken by the server's own node`},
	} {
		ended, stop := f.agent(test.user, test.group, strings.ReplaceAll(test.user+test.group, ":", ""))
		var refused *nodetunnel.RefusedError
		if err := <-ended; !errors.As(err, &refused) || refused.Code != test.code || !strings.Contains(refused.Message, test.says) {
			t.Errorf("%s of %s: %v, want %d %s", test.user, test.group, err, test.code, test.says)
		}
		stop()
	}
}

// A name belongs to one agent while that lives; its own newer tunnel takes the older's place.
func TestTunnelOfOneName(t *testing.T) {
	f := newFleet(t)
	_, stop := f.agent("system:node:"+f.node, "system:nodes", "a")
	f.eventuallySays(f.node, "I am a")
	ended, _ := f.agent("system:node:"+f.node, "system:nodes", "b")
	var refused *nodetunnel.RefusedError
	if err := <-ended; !errors.As(err, &refused) || refused.Message != `the name "`+f.node+`" is taken by a node that is connected from 127.0.0.1` {
		t.Errorf("a second node of the name: %v", err)
	}
	f.tunnels.mu.Lock()
	older := f.tunnels.sessions[f.node]
	f.tunnels.mu.Unlock()
	f.agent("system:node:"+f.node, "system:nodes", "a") // as after a cut that only one end has noticed
	<-older.CloseChan()
	f.eventuallySays(f.node, "I am a")
	stop()
}

// A link that is dead without a sign: requests under way end, and the node is back once the link is.
func TestDeadLinkIsNoticed(t *testing.T) {
	f := newFleet(t)
	f.agent("system:node:"+f.node, "system:nodes", "a")
	f.eventuallySays(f.node, "I am a")
	f.link.freeze()
	if got := f.asks(f.node); got != "" {
		t.Errorf("a dead link says %q", got)
	}
	eventually(t, "the server has noticed", func() bool { return !f.tunnels.Connected(f.node) })
	f.link.drop()
	f.eventuallySays(f.node, "I am a")
}

// A node that comes and goes leaves nothing behind.
func TestFlappingTunnelLeaksNothing(t *testing.T) {
	t.Parallel()
	tunnels := newTestTunnels(func(string) bool { return false })
	server, _ := startServer(t, Options{DataDir: t.TempDir(), Nodes: tunnels.Dial, Tunnels: tunnels}) // its own: all tunnels are counted
	f := &fleet{t: t, space: space{server, "default"}, tunnels: tunnels, link: newLink(t, server.options.Listener.Addr().String()), node: "n1"}
	open := func() int {
		f.tunnels.mu.Lock()
		defer f.tunnels.mu.Unlock()
		return len(f.tunnels.sessions)
	}
	for range 20 {
		_, stop := f.agent("system:node:"+f.node, "system:nodes", "a")
		f.eventuallySays(f.node, "I am a")
		stop()
		eventually(t, "the tunnel is gone", func() bool { return open() == 0 })
	}
	// Other tests run beside this one, so goroutines are told by what they do.
	eventually(t, "its goroutines are gone", func() bool {
		stacks := make([]byte, 16<<20)
		text := string(stacks[:runtime.Stack(stacks, true)])
		return strings.Count(text, fmt.Sprintf("ServeHTTP(%p", f.tunnels)) == 0
	})
}

// link is a proxy for TCP.
type link struct {
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
	frozen   chan struct{} // closed while nothing passes
}

func newLink(t *testing.T, to string) *link {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, frozen: make(chan struct{})}
	t.Cleanup(func() { _ = listener.Close(); l.drop() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, near, far)
			frozen := l.frozen
			l.mu.Unlock()
			go pass(near, far, frozen)
			go pass(far, near, frozen)
		}
	}()
	return l
}

func pass(to, from net.Conn, frozen <-chan struct{}) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-frozen: // what was read is lost, as on a line that was cut
			if err != nil {
				return
			}
			continue
		default:
		}
		if n > 0 {
			_, _ = to.Write(buffer[:n])
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

func (l *link) address() string { return l.listener.Addr().String() }

// freeze loses all that is sent over the connections that there are.
func (l *link) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.frozen)
	l.frozen = make(chan struct{})
}

// drop closes the connections that there are.
func (l *link) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.conns = nil
}
