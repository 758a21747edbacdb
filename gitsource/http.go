package gitsource

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// newHTTPClient keeps connections between polls. caFile may be "": then the machine's certificates hold alone.
func newHTTPClient(caFile string) (*http.Client, error) {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout: connectTimeout,
		ForceAttemptHTTP2:   true,
		IdleConnTimeout:     90 * time.Second,
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fail(ErrInvalid, err, "the CA file %s cannot be read", caFile)
		}
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fail(ErrInvalid, nil, "the CA file %s holds no PEM certificate", caFile)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return &http.Client{Transport: shortErrors{t}}, nil
}

// connectTimeout bounds the steps before a server has said anything.
const connectTimeout = 15 * time.Second

// shortErrors cuts the bodies of failed requests: go-git reads them whole.
type shortErrors struct{ *http.Transport }

func (s shortErrors) RoundTrip(request *http.Request) (*http.Response, error) {
	const longest = 4 << 10
	response, err := s.Transport.RoundTrip(request)
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		response.Body = bound{io.LimitReader(response.Body, longest), response.Body}
	}
	return response, err
}

// overHTTP speaks Git's smart protocol.
type overHTTP struct {
	wire
	session transport.UploadPackSession
}

func openHTTP(l location, options GitOptions, client *http.Client) (remote, error) {
	user, password, err := options.credentials(l)
	if err != nil {
		return nil, err
	}
	var auth transport.AuthMethod
	if user != "" || password != "" {
		if user == "" {
			user = "git" // hosts take a token from any user
		}
		auth = &githttp.BasicAuth{Username: user, Password: password}
	}
	port, err := portNumber(l)
	if err != nil {
		return nil, err
	}
	endpoint := &transport.Endpoint{Protocol: l.scheme, Host: bracket(l.host), Port: port, Path: l.path}
	session, err := githttp.NewClient(client).NewUploadPackSession(endpoint, auth)
	if err != nil {
		return nil, err
	}
	return &overHTTP{session: session}, nil
}

// portNumber is 0 for the scheme's own.
func portNumber(l location) (int, error) {
	if l.port == "" {
		return 0, nil
	}
	port, err := strconv.ParseUint(l.port, 10, 16)
	if err != nil || port == 0 {
		return 0, fail(ErrInvalid, nil, "%q is no port", l.port)
	}
	return int(port), nil
}

func (h *overHTTP) advertise(ctx context.Context) (advertised, error) {
	refs, err := h.session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return advertised{}, err
	}
	h.refs = refs
	return h.advertised(), nil
}

func (h *overHTTP) pack(ctx context.Context, r packRequest) (io.ReadCloser, bool, error) {
	request, partial := h.request(r)
	response, err := h.session.UploadPack(ctx, request)
	if err != nil {
		return nil, false, err
	}
	return bound{unwrap(request, response), response}, partial, nil
}

func (h *overHTTP) close() error { return h.session.Close() }
