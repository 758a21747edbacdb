package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/certificates"
)

// shared is the server of all tests that need none of their own: to start one takes longer than most tests. It lets machines
// in, and has tunnels.
var shared struct {
	once    sync.Once
	server  *Server
	tunnels *Tunnels
	local   sync.Map // a NodeDialer for each node that is in this process
	stop    func() error
	err     error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.stop != nil {
		if err := shared.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "the shared server ended with", err)
			code = 1
		}
	}
	os.Exit(code)
}

// space is a test's own place on the shared server.
type space struct {
	*Server
	namespace string
}

// newSpace makes a namespace on the shared server. Other tests run beside this one.
func newSpace(t *testing.T) space {
	t.Helper()
	t.Parallel()
	shared.once.Do(func() { shared.stop, shared.err = startShared() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return space{shared.server, newNamespace(t, shared.server)}
}

// named is a name that no other test gives to what is in no namespace.
func (s space) named(name string) string { return name + "-" + s.namespace }

func newNamespace(t *testing.T, server *Server) string {
	t.Helper()
	made, err := server.Client().CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made.Name
}

// addNode has a node in the server's process, until the test's end.
func (s space) addNode(t *testing.T, name string, dial NodeDialer) {
	shared.local.Store(name, dial)
	t.Cleanup(func() { shared.local.Delete(name) })
}

func startShared() (stop func() error, err error) {
	dir, err := os.MkdirTemp("", "coracle-apiserver-")
	if err != nil {
		return nil, err
	}
	shared.tunnels = newTestTunnels(func(node string) bool { _, ok := shared.local.Load(node); return ok })
	dial := func(ctx context.Context, node string) (net.Conn, error) {
		if own, ok := shared.local.Load(node); ok {
			return own.(NodeDialer)(ctx, node)
		}
		return shared.tunnels.Dial(ctx, node)
	}
	server, halt, err := launch(Options{DataDir: dir, Nodes: dial, Tunnels: shared.tunnels})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	shared.server = server
	endSigner := signCertificates(server)
	return func() error { return errors.Join(endSigner(), halt(), os.RemoveAll(dir)) }, nil
}

// newTestTunnels makes tunnels whose dead links are noticed soon.
func newTestTunnels(local func(string) bool) *Tunnels {
	tunnels := NewTunnels(zerolog.Nop(), local)
	tunnels.pingPeriod, tunnels.pingTimeout = 50*time.Millisecond, time.Second
	return tunnels
}

// signCertificates runs the controller by which machines and users come in.
func signCertificates(server *Server) (stop func() error) {
	ca, key := server.Authority()
	signer := certificates.New(certificates.Options{
		Options:   controller.Options{Client: server.Client(), Informers: server.Informers(), Clock: clock.RealClock{}, Logger: zerolog.Nop()},
		Authority: certificates.Authority{Certificate: ca, Key: key}, GracePeriod: time.Minute,
	})
	ctx, cancel := context.WithCancel(context.Background())
	server.Informers().StartWithContext(ctx)
	ended := make(chan error, 1)
	go func() { ended <- signer.Run(ctx, 1) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// launch runs a server until stop is called, which says whether it ended well and in time.
func launch(options Options) (server *Server, stop func() error, err error) {
	if options.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	if server, err = New(ctx, options); err != nil {
		cancel()
		return nil, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(10 * time.Second):
			return errors.New("it did not stop within 10 s")
		}
	})
	err = wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) { return server.Ready(), nil })
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("wait until the server is ready: %w", err), stop())
	}
	return server, stop, nil
}

// startServer runs a server of the test's own, until stop is called, at the latest at the end of the test.
func startServer(t *testing.T, options Options) (server *Server, stop func()) {
	t.Helper()
	server, halt, err := launch(options)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := halt(); err != nil {
			t.Errorf("server ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return server, stop
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 5*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) { return condition(), nil })
	if err != nil {
		t.Fatalf("waited in vain until %s", what)
	}
}

func configMap(name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"key": "value"}}
}
