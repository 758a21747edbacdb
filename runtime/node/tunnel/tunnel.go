package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/yamux"
	"github.com/rs/zerolog"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
)

const (
	protocol = "yamux" // as the server calls it
	// A link that is dead without a sign is noticed within the sum of the two.
	pingPeriod  = 5 * time.Second
	pingTimeout = 8 * time.Second
	// dialTimeout bounds each step of connecting.
	dialTimeout = 10 * time.Second
	// settled is how long a tunnel must last for the next try to be quick again: one that flaps is not.
	settled = 30 * time.Second
)

// Options of a Tunnel. All but Up must be set.
type Options struct {
	// URL that the server makes a tunnel of.
	URL string
	// TLS of that connection, with the node's certificate.
	TLS *tls.Config
	// Handler answers the server's requests.
	Handler http.Handler
	// Up is called each time that the tunnel stands, before requests pass; Down when it does no more. Nil is nothing.
	Up, Down func()
	Clock    clock.Clock
	Logger   zerolog.Logger
}

// Tunnel is a node's way to its server. Make it with New, start it with Run.
type Tunnel struct {
	Options
	gate *gate
}

// New makes a tunnel that does nothing until Run.
func New(options Options) *Tunnel {
	options.TLS = options.TLS.Clone()
	options.TLS.NextProtos = []string{"http/1.1"} // HTTP/2 has no Upgrade
	return &Tunnel{Options: options, gate: newGate()}
}

// RefusedError is the server's no to a tunnel.
type RefusedError struct {
	Code    int // of HTTP
	Message string
}

func (e *RefusedError) Error() string { return e.Message }

// Run keeps the tunnel up until ctx ends, and returns nil then. An error is that of the first try, where another would not help:
// the server refused (RefusedError), or is not the one that the certificates are of.
func (t *Tunnel) Run(ctx context.Context) error {
	retry := newBackoff()
	everUp, said := false, ""
	for ctx.Err() == nil {
		began := t.Clock.Now()
		up, err := t.once(ctx)
		everUp = everUp || up
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !everUp && final(err) {
			return err
		}
		if up && t.Clock.Since(began) >= settled {
			retry = newBackoff()
		}
		if message := fmt.Sprint(err); message != said || up {
			said = message
			t.Logger.Warn().Err(err).Msg("not connected to the server; going on without it")
		}
		select {
		case <-ctx.Done():
		case <-t.Clock.After(retry.Step()):
		}
	}
	return nil
}

func newBackoff() wait.Backoff {
	return wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 1000, Cap: 10 * time.Second}
}

// final says whether trying again will not help.
func final(err error) bool {
	var refused *RefusedError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &refused) && refused.Code < http.StatusInternalServerError && refused.Code != http.StatusTooManyRequests ||
		errors.As(err, &certificate)
}

// once connects and serves until the tunnel ends, and says whether it ever stood.
func (t *Tunnel) once(ctx context.Context) (up bool, err error) {
	conn, err := t.connect(ctx)
	if err != nil {
		return false, err
	}
	session, err := yamux.Server(conn, config())
	if err != nil {
		_ = conn.Close()
		return false, fmt.Errorf("open tunnel: %w", err)
	}
	defer session.Close()
	defer context.AfterFunc(ctx, func() { _ = session.Close() })()
	t.Logger.Info().Msg("connected to the server")
	if t.Up != nil {
		t.Up()
	}
	t.gate.open()
	defer func() {
		t.gate.close()
		if t.Down != nil {
			t.Down()
		}
	}()
	server := &http.Server{Handler: t.Handler, ReadHeaderTimeout: dialTimeout}
	defer server.Close()
	if err := server.Serve(session); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, yamux.ErrSessionShutdown) {
		return true, fmt.Errorf("the connection broke: %w", err)
	}
	return true, errors.New("the connection was closed")
}

func config() *yamux.Config {
	config := yamux.DefaultConfig()
	config.KeepAliveInterval, config.ConnectionWriteTimeout = pingPeriod, pingTimeout
	config.LogOutput, config.Logger = nil, log.New(io.Discard, "", 0) // what ends a tunnel is returned
	return config
}

// connect has the server turn an HTTP request into a connection of its own.
func (t *Tunnel) connect(ctx context.Context) (io.ReadWriteCloser, error) {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: t.TLS, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: dialTimeout,
		DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, DisableKeepAlives: true,
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("open tunnel: %w", err)
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", protocol)
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("reach the server: %w", err)
	}
	if conn, ok := response.Body.(io.ReadWriteCloser); ok && response.StatusCode == http.StatusSwitchingProtocols {
		return conn, nil
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	message := strings.TrimSpace(string(text))
	if message == "" {
		message = response.Status
	}
	return nil, &RefusedError{Code: response.StatusCode, Message: message}
}
