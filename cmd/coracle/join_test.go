package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"
)

// fleetUnderTest is a daemon in this process, a client of its administrator, and the name of a machine that is the test's own.
type fleetUnderTest struct {
	*daemonProcess
	t      *testing.T
	client kubernetes.Interface
	url    string
	worker string
}

// TestMachines is of machines that join one server, one after the other.
func TestMachines(t *testing.T) {
	f := startFleet(t)
	for name, test := range map[string]func(*testing.T, *fleetUnderTest){
		"joins": machineJoins, "refused": machinesThatMayNotJoin, "stale": staleCertificate,
	} {
		t.Run(name, func(t *testing.T) {
			own := *f
			own.t, own.worker = t, "worker-"+name
			test(t, &own)
		})
	}
}

func startFleet(t *testing.T) *fleetUnderTest {
	isolate(t)
	repository := newRepository(t)
	repository.push("web.yaml", webManifest, "web: v1")
	f := &fleetUnderTest{daemonProcess: startDaemon(t, repository.bare), t: t}
	f.eventually("status", exitOK)
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(f.dir, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	f.client, f.url = kubernetes.NewForConfigOrDie(config), config.Host
	return f
}

// token makes a token by which machines join, with the time that it is good for.
func (f *fleetUnderTest) token(id string, lasts time.Duration) string {
	f.t.Helper()
	_, err := f.client.CoreV1().Secrets(metav1.NamespaceSystem).Create(f.t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-" + id}, Type: "bootstrap.kubernetes.io/token",
		StringData: map[string]string{
			"token-id": id, "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true",
			"expiration": time.Now().Add(lasts).UTC().Format(time.RFC3339),
		},
	}, metav1.CreateOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	authorities, err := cert.CertsFromFile(filepath.Join(f.dir, "pki", "ca.crt"))
	if err != nil {
		f.t.Fatal(err)
	}
	return joinToken(id+".0123456789abcdef", authorities[0])
}

// node runs an agent of an engine in memory until stop is called; ended gets what it returns.
func (f *fleetUnderTest) node(dir string, change func(*nodeOptions)) (ended <-chan error, stop func()) {
	options := &nodeOptions{}
	options.register(pflag.NewFlagSet("node", pflag.ContinueOnError)) // for the defaults
	options.server, options.nodeName, options.engine, options.dataDir = f.url, f.worker, "memory", dir
	change(options)
	ctx, cancel := context.WithCancel(f.t.Context())
	result, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		err := options.validate()
		if err == nil {
			err = runNode(ctx, options, zerolog.Nop())
		}
		result <- err
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	f.t.Cleanup(stop)
	return result, stop
}

func (f *fleetUnderTest) until(what string, holds func(context.Context) bool) {
	f.t.Helper()
	err := wait.PollUntilContextTimeout(f.t.Context(), 20*time.Millisecond, 60*time.Second, true, func(ctx context.Context) (bool, error) { return holds(ctx), nil })
	if err != nil {
		f.t.Fatalf("waited in vain until %s", what)
	}
}

func (f *fleetUnderTest) running(ctx context.Context, pod string) bool {
	found, err := f.client.CoreV1().Pods("default").Get(ctx, pod, metav1.GetOptions{})
	return err == nil && found.Status.Phase == corev1.PodRunning && found.Spec.NodeName == f.worker
}

// A machine joins, runs a Pod, has its log read through the tunnel, and starts again without the token.
func machineJoins(t *testing.T, f *fleetUnderTest) {
	dir := t.TempDir()
	_, stop := f.node(dir, func(o *nodeOptions) {
		o.token, o.labels, o.taints = f.token("aaaaaa", time.Hour), map[string]string{"type": "AWS"}, []string{"only=solo:NoSchedule"}
	})
	f.until("the node is ready", func(ctx context.Context) bool {
		node, err := f.client.CoreV1().Nodes().Get(ctx, f.worker, metav1.GetOptions{})
		if err != nil {
			return false
		}
		cidr := node.Spec.PodCIDR
		return node.Labels["type"] == "AWS" && strings.HasPrefix(cidr, "10.244.") && strings.HasSuffix(cidr, ".0/24") &&
			len(node.Spec.Taints) == 1 && node.Status.NodeInfo.ContainerRuntimeVersion == "memory://1"
	})
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "solo"}, Spec: corev1.PodSpec{
		NodeSelector: map[string]string{"type": "AWS"}, Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		Containers: []corev1.Container{{Name: "solo", Image: "solo:v1"}},
	}}
	if _, err := f.client.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	f.until("the Pod runs", func(ctx context.Context) bool { return f.running(ctx, "solo") })
	if _, err := f.log(t.Context()); err != nil {
		t.Errorf("log: %v", err)
	}
	stop()
	f.until("the tunnel is closed", func(ctx context.Context) bool {
		_, err := f.log(ctx)
		return err != nil && strings.Contains(err.Error(), "reach node "+f.worker+": it is not connected")
	})
	info, err := os.Stat(filepath.Join(dir, "pki", "node-current.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the certificate's file: %v, %v; want mode 0600", info, err)
	}
	f.node(dir, func(o *nodeOptions) { o.nodeName = "" }) // it knows its name
	f.until("the node is back", func(ctx context.Context) bool {
		_, err := f.log(ctx)
		return err == nil && f.running(ctx, "solo")
	})
}

func (f *fleetUnderTest) log(ctx context.Context) (string, error) {
	stream, err := f.client.CoreV1().Pods("default").GetLogs("solo", &corev1.PodLogOptions{}).Stream(ctx)
	if err != nil {
		return "", err
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	return string(text), err
}

// Machines that may not join have one clear error each.
func machinesThatMayNotJoin(t *testing.T, f *fleetUnderTest) {
	good, old := f.token("bbbbbb", time.Hour), f.token("cccccc", -time.Hour)
	joined := t.TempDir()
	f.node(joined, func(o *nodeOptions) { o.token = good })
	f.until("the first is a node", func(ctx context.Context) bool {
		_, err := f.client.CoreV1().Nodes().Get(ctx, f.worker, metav1.GetOptions{})
		return err == nil
	})
	again := func(o *nodeOptions) { o.token = good }
	f.until("the first is live", func(context.Context) bool { // until its Lease is heard of, it has only joined
		ended, stop := f.node(t.TempDir(), again)
		defer stop()
		err := <-ended
		return err != nil && strings.Contains(err.Error(), "which is live")
	})
	for name, test := range map[string]struct {
		change func(*nodeOptions)
		want   string
	}{
		"no token":     {func(*nodeOptions) {}, "this machine has not joined yet: make a token"},
		"wrong secret": {func(o *nodeOptions) { o.token = strings.Replace(good, "0123456789abcdef", "fedcba9876543210", 1) }, "does not take the token: it is wrong, was removed, or has expired"},
		"expired":      {func(o *nodeOptions) { o.token = old }, "does not take the token: it is wrong, was removed, or has expired"},
		"cut short":    {func(o *nodeOptions) { o.token = good[:40] }, "--token: "},
		"other CA":     {func(o *nodeOptions) { o.token = good[:24] + strings.Repeat("0", 64) }, "has another certificate authority than the one that the token was made by"},
		"name taken":   {again, `the node name "` + f.worker + `" is taken by another machine, which is live`},
		"no server":    {func(o *nodeOptions) { o.token, o.server = good, "https://127.0.0.1:1" }, "the server does not answer"},
		"no URL":       {func(o *nodeOptions) { o.server = "raspi001:6443" }, "--server \"raspi001:6443\": it is a URL"},
		"bad taint":    {func(o *nodeOptions) { o.taints = []string{"a=b"} }, "--taints: taint \"a=b\": it is key=value:Effect"},
	} {
		ended, stop := f.node(t.TempDir(), test.change)
		if err := <-ended; err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", name, err, test.want)
		}
		stop()
	}
}

// A server that has lost its data is another one: who joined the old one is told to join anew.
func staleCertificate(t *testing.T, f *fleetUnderTest) {
	dir := t.TempDir()
	_, stop := f.node(dir, func(o *nodeOptions) { o.token = f.token("dddddd", time.Hour) })
	f.until("it is a node", func(ctx context.Context) bool {
		_, err := f.client.CoreV1().Nodes().Get(ctx, f.worker, metav1.GetOptions{})
		return err == nil
	})
	stop()
	other := startFleet(t)
	other.worker = f.worker
	ended, _ := other.node(dir, func(*nodeOptions) {})
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "join again with a new token") {
		t.Errorf("with the old certificate: %v", err)
	}
	other.node(dir, func(o *nodeOptions) { o.token = other.token("aaaaaa", time.Hour) })
	other.until("it is a node again", func(ctx context.Context) bool {
		_, err := other.client.CoreV1().Nodes().Get(ctx, f.worker, metav1.GetOptions{})
		return err == nil
	})
}

func TestClockSkew(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for date, want := range map[string]string{
		"":     "",
		"junk": "",
		now.Add(4 * time.Minute).Format(http.TimeFormat): "",
		now.Add(time.Hour).Format(http.TimeFormat):       "this machine's clock is 1h0m0s behind the server's (2026-05-01 12:00:00 here, 2026-05-01 13:00:00 there)",
		now.Add(-time.Hour).Format(http.TimeFormat):      "this machine's clock is 1h0m0s ahead of the server's",
	} {
		if err := checkClock(date, now); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", date, err, want)
		}
	}
}

// A server whose certificate is for other names is not trusted, though its authority is the right one.
func TestServerOfAnotherName(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	authority := server.Certificate() // it signed itself
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	if _, err := meet(t.Context(), server.URL, hashCA(authority)); err != nil {
		t.Errorf("by an address of the certificate: %v", err)
	}
	if _, err := meet(t.Context(), "https://localhost:"+port, hashCA(authority)); err == nil || !strings.Contains(err.Error(), "the server's certificate is not for localhost: start coracle serve with --name localhost") {
		t.Errorf("by another name: %v", err)
	}
}
