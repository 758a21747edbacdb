package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/certificate"
	"k8s.io/client-go/util/certificate/csr"
	"k8s.io/client-go/util/keyutil"
)

const (
	// maxSkew is how far this machine's clock may be from the server's.
	maxSkew = 5 * time.Minute
	// meetTimeout bounds the first contact with the server.
	meetTimeout = 15 * time.Second
	// signTimeout is how long the server may take to sign: one that has just started listens first for the node that has the name.
	signTimeout = 2 * time.Minute
)

// errUnreachable is that the server does not answer.
var errUnreachable = errors.New("the server does not answer")

// errOtherAuthority is that a server is not the one that the hash is of.
type errOtherAuthority struct{ server string }

func (e errOtherAuthority) Error() string {
	return fmt.Sprintf("the server %s has another certificate authority than the one that the token was made by: it is another server, or the token is "+
		"of before it lost its data", e.server)
}

// meet asks the server who it is, and returns its authority. The one with the hash must have signed for the address that was
// dialled; nothing secret is sent before that is known. Clocks are compared first of all that depends on them.
func meet(ctx context.Context, server, hash string) (*x509.Certificate, error) {
	address, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	var authority *x509.Certificate
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection does it, by the hash
		VerifyConnection: func(state tls.ConnectionState) (err error) {
			authority, err = pinned(state.PeerCertificates, hash, address.Hostname(), server)
			return err
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/readyz", nil)
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	response, err := (&http.Client{Transport: transport, Timeout: meetTimeout}).Do(request)
	var other errOtherAuthority
	var host x509.HostnameError
	switch {
	case errors.As(err, &other):
		return nil, other
	case errors.As(err, &host):
		return nil, fmt.Errorf("the server's certificate is not for %s: start coracle serve with --name %[1]s, or use a name that it has: %w", address.Hostname(), host)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	defer response.Body.Close()
	return authority, checkClock(response.Header.Get("Date"), time.Now())
}

// pinned finds the authority with the hash in a server's chain, and checks that it signed for the host. When the certificates begin
// and end does not count here: this machine's clock may be wrong, which is told apart afterwards.
func pinned(chain []*x509.Certificate, hash, host, server string) (*x509.Certificate, error) {
	for _, authority := range chain {
		if !authority.IsCA || hashCA(authority) != hash {
			continue
		}
		roots := x509.NewCertPool()
		roots.AddCert(authority)
		leaf := chain[0]
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: leaf.NotBefore.Add(time.Hour)})
		return authority, err
	}
	return nil, errOtherAuthority{server}
}

// checkClock compares with the date of an answer; one without says nothing.
func checkClock(date string, now time.Time) error {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return nil
	}
	skew, side := now.Sub(theirs).Round(time.Second), "ahead of"
	if skew < 0 {
		skew, side = -skew, "behind"
	}
	if skew <= maxSkew {
		return nil
	}
	return fmt.Errorf("this machine's clock is %s %s the server's (%s here, %s there): set it right, as by NTP; certificates depend on it",
		skew, side, now.UTC().Format(time.DateTime), theirs.UTC().Format(time.DateTime))
}

// join gets this machine a certificate of its own by a bootstrap token.
func (i *identity) join(ctx context.Context, server, name, bootstrap, hash string, logger zerolog.Logger) error {
	ca, err := meet(ctx, server, hash)
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	authority, err := cert.EncodeCertificates(ca)
	if err != nil {
		return fmt.Errorf("join: encode the server's authority: %w", err)
	}
	client, err := kubernetes.NewForConfig(&rest.Config{
		Host: server, BearerToken: bootstrap, TLSClientConfig: rest.TLSClientConfig{CAData: authority}, Timeout: signTimeout,
	})
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	keyPEM, err := i.joiningKey()
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	certificatePEM, err := requestCertificate(ctx, client, name, keyPEM)
	if err != nil {
		return fmt.Errorf("join as node %s: %w", name, err)
	}
	if err := i.keep(ca, certificatePEM, keyPEM); err != nil {
		return err
	}
	logger.Info().Str("node", name).Str("server", server).Msg("joined")
	return os.Remove(i.joiningKeyPath())
}

func (i *identity) joiningKeyPath() string { return filepath.Join(i.dir, "joining.key") }

// joiningKey is kept until there is a certificate for it: a second try with the same key is the same machine to the server.
func (i *identity) joiningKey() ([]byte, error) {
	data, err := os.ReadFile(i.joiningKeyPath())
	if err == nil {
		if _, err := keyutil.ParsePrivateKeyPEM(data); err == nil {
			return data, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	if data, err = keyutil.MakeEllipticPrivateKeyPEM(); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	if err := os.WriteFile(i.joiningKeyPath(), data, 0o600); err != nil {
		return nil, fmt.Errorf("keep the key: %w", err)
	}
	return data, nil
}

// requestCertificate has the server sign for the node. Its errors are in words for the user.
func requestCertificate(ctx context.Context, client kubernetes.Interface, name string, keyPEM []byte) ([]byte, error) {
	key, err := keyutil.ParsePrivateKeyPEM(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("read the key: it does not sign")
	}
	subject := nodeSubject(name)
	request, err := cert.MakeCSR(signer, &subject, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, signTimeout)
	defer cancel()
	asked, uid, err := csr.RequestCertificateWithContext(ctx, client, request, "", certificatesv1.KubeAPIServerClientKubeletSignerName, nil,
		certificate.DefaultKubeletClientGetUsages(signer), signer)
	switch {
	case apierrors.IsUnauthorized(err):
		return nil, errors.New("the server does not take the token: it is wrong, was removed, or has expired; coracle token create on the server makes a new one")
	case err != nil:
		return nil, err
	}
	signed, err := csr.WaitForCertificate(ctx, client, asked, uid)
	if err == nil || ctx.Err() != nil {
		return signed, err
	}
	if denied := verdict(ctx, client, asked); denied != "" {
		return nil, errors.New(denied)
	}
	return nil, err
}

// verdict is why the server did not sign, in its own words.
func verdict(ctx context.Context, client kubernetes.Interface, name string) string {
	request, err := client.CertificatesV1().CertificateSigningRequests().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return ""
	}
	for _, condition := range request.Status.Conditions {
		if condition.Type != certificatesv1.CertificateApproved {
			return condition.Message
		}
	}
	return ""
}
