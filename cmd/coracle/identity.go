package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/certificate"
)

const (
	nodeUserPrefix = "system:node:"
	nodesGroup     = "system:nodes"
)

// identity is what makes this machine a node: the server's authority, its own name, and its certificate. It is kept in a directory.
type identity struct {
	dir   string
	name  string // of the Node; "" until it is known
	agent string // tells this machine from another that has the same name
	ca    *x509.Certificate
	store certificate.FileStore
	own   *tls.Certificate // nil until this machine has joined
}

// errStale is that a machine must join anew.
type errStale struct{ server, why string }

func (e errStale) Error() string {
	return fmt.Sprintf("the server %s %s: it may have lost its data, or this machine was away for long; join again with a new token: "+
		"coracle token create on the server, then --token here", e.server, e.why)
}

func openIdentity(dir string) (*identity, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the directory for certificates: %w", err)
	}
	i := &identity{dir: dir}
	var err error
	if i.store, err = certificate.NewFileStore("node", dir, dir, "", ""); err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	if i.agent, err = i.agentID(); err != nil {
		return nil, err
	}
	return i, i.read()
}

func (i *identity) caPath() string { return filepath.Join(i.dir, "server-ca.crt") }

// read takes in what an earlier start has kept. A machine that has not joined has none of it.
func (i *identity) read() error {
	authorities, err := cert.CertsFromFile(i.caPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the server's authority: %w", err)
	}
	own, err := i.store.Current()
	var none *certificate.NoCertKeyError
	if errors.As(err, &none) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read this machine's certificate: %w; remove %s, and join again with a token", err, i.dir)
	}
	i.ca, i.own = authorities[0], own
	i.name = strings.TrimPrefix(own.Leaf.Subject.CommonName, nodeUserPrefix)
	return nil
}

func (i *identity) agentID() (string, error) {
	path := filepath.Join(i.dir, "agent-id")
	if data, err := os.ReadFile(path); err == nil && len(data) > 0 {
		return strings.TrimSpace(string(data)), nil
	}
	raw := make([]byte, 16)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("draw an id: %w", err)
	}
	id := hex.EncodeToString(raw)
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep this machine's id: %w", err)
	}
	return id, nil
}

// establish has this machine be a node of the server: as before, or by joining with a token.
func (i *identity) establish(ctx context.Context, options *nodeOptions, logger zerolog.Logger) error {
	name := options.nodeName
	if name == "" {
		name = i.name
	}
	if name == "" {
		name = hostName()
	}
	bootstrap, hash := "", ""
	if options.token != "" {
		var err error
		if bootstrap, hash, err = parseJoinToken(options.token); err != nil {
			return fmt.Errorf("--token: %w", err)
		}
	}
	switch {
	case i.own == nil && hash == "":
		return errors.New("this machine has not joined yet: make a token on the server with coracle token create, and give it as --token")
	case i.own != nil && hash == "" && name != i.name:
		return fmt.Errorf("--node-name %s: this machine joined as node %s; to join under another name, give a new --token", name, i.name)
	case i.own == nil || hash != "" && (hashCA(i.ca) != hash || name != i.name || !i.current(time.Now())):
		return i.join(ctx, options.server, name, bootstrap, hash, logger)
	}
	return i.check(ctx, options.server, logger)
}

// current is whether the certificate is good now.
func (i *identity) current(now time.Time) bool {
	return now.After(i.own.Leaf.NotBefore) && now.Before(i.own.Leaf.NotAfter)
}

// check asks the server that this machine joined before whether it is still the same. One that is away is no error.
func (i *identity) check(ctx context.Context, server string, logger zerolog.Logger) error {
	_, err := meet(ctx, server, hashCA(i.ca))
	var other errOtherAuthority
	switch {
	case errors.As(err, &other):
		return errStale{server, "has another certificate authority than the one that this machine joined"}
	case errors.Is(err, errUnreachable):
		logger.Warn().Err(err).Msg("going on as before")
		return nil
	case err != nil:
		return err
	case !i.current(time.Now()):
		return errStale{server, "does not take this machine's certificate, which ended on " + i.own.Leaf.NotAfter.Format(time.DateOnly)}
	}
	return nil
}

// keep writes down what joining brought. The certificate is last: without it there is nothing.
func (i *identity) keep(ca *x509.Certificate, certificatePEM, keyPEM []byte) error {
	authority, err := cert.EncodeCertificates(ca)
	if err != nil {
		return fmt.Errorf("encode the server's authority: %w", err)
	}
	if err := os.WriteFile(i.caPath(), authority, 0o600); err != nil {
		return fmt.Errorf("keep the server's authority: %w", err)
	}
	if _, err := i.store.Update(certificatePEM, keyPEM); err != nil {
		return fmt.Errorf("keep this machine's certificate: %w", err)
	}
	return i.read()
}

func nodeSubject(name string) pkix.Name {
	return pkix.Name{CommonName: nodeUserPrefix + name, Organization: []string{nodesGroup}}
}

// renewal asks for a new certificate before the old one ends.
func (i *identity) renewal(client kubernetes.Interface) (certificate.Manager, error) {
	renewal, err := certificate.NewManager(&certificate.Config{
		ClientsetFn:      func(*tls.Certificate) (kubernetes.Interface, error) { return client, nil },
		Template:         &x509.CertificateRequest{Subject: nodeSubject(i.name)},
		SignerName:       certificatesv1.KubeAPIServerClientKubeletSignerName,
		GetUsages:        certificate.DefaultKubeletClientGetUsages,
		CertificateStore: i.store,
	})
	if err != nil {
		return nil, fmt.Errorf("renew this machine's certificate: %w", err)
	}
	return renewal, nil
}
