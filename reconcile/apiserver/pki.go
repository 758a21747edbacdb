package apiserver

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

const (
	caLifetime   = 10 * 365 * 24 * time.Hour
	certLifetime = 5 * 365 * 24 * time.Hour
	// renewBefore its end a certificate is made anew, at the next start.
	renewBefore = 365 * 24 * time.Hour
)

// keyPair is a certificate and its private key, PEM encoded.
type keyPair struct{ certificate, key []byte }

// pki is the server's own certificate authority with what it has signed, kept as files in one directory.
type pki struct {
	dir   string
	now   time.Time
	ca    keyPair
	pool  *x509.CertPool
	cert  *x509.Certificate
	signs crypto.Signer
}

// openPKI reads the certificate authority in dir, or makes it.
func openPKI(dir string, now time.Time) (*pki, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the directory for certificates: %w", err)
	}
	p := &pki{dir: dir, now: now}
	pair, err := p.read("ca")
	if errors.Is(err, fs.ErrNotExist) {
		pair, err = p.newCA()
	}
	if err != nil {
		return nil, err
	}
	certs, err := cert.ParseCertsPEM(pair.certificate)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, "ca.crt"), err)
	}
	key, err := keyutil.ParsePrivateKeyPEM(pair.key)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, "ca.key"), err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("read %s: not a key that signs", filepath.Join(dir, "ca.key"))
	}
	p.ca, p.cert, p.signs, p.pool = pair, certs[0], signer, x509.NewCertPool()
	p.pool.AddCert(certs[0])
	return p, nil
}

func (p *pki) newCA() (keyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keyPair{}, fmt.Errorf("make the key of the certificate authority: %w", err)
	}
	template, err := p.template("coracle", nil, caLifetime)
	if err != nil {
		return keyPair{}, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return keyPair{}, fmt.Errorf("make the certificate authority: %w", err)
	}
	return p.write("ca", der, key)
}

// server is the serving certificate for the names and addresses; it is made anew when they change.
func (p *pki) server(names []string, addresses []net.IP) (keyPair, error) {
	return p.issued("server", func(c *x509.Certificate) bool {
		return covers(c, names, addresses)
	}, func(template *x509.Certificate) {
		template.Subject = pkix.Name{CommonName: "kube-apiserver"}
		template.DNSNames, template.IPAddresses = names, addresses
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
}

// client is a certificate that authenticates as a user of one group.
func (p *pki) client(file, user, group string) (keyPair, error) {
	return p.issued(file, func(*x509.Certificate) bool { return true }, func(template *x509.Certificate) {
		template.Subject = pkix.Name{CommonName: user, Organization: []string{group}}
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
}

// issued is the certificate in the file while it is good, or else a new one.
func (p *pki) issued(file string, good func(*x509.Certificate) bool, fill func(*x509.Certificate)) (keyPair, error) {
	pair, err := p.read(file)
	if err == nil && p.usable(pair, good) {
		return pair, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return keyPair{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keyPair{}, fmt.Errorf("make a key: %w", err)
	}
	template, err := p.template("", nil, certLifetime)
	if err != nil {
		return keyPair{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	fill(template)
	der, err := x509.CreateCertificate(rand.Reader, template, p.cert, key.Public(), p.signs)
	if err != nil {
		return keyPair{}, fmt.Errorf("sign certificate %s: %w", file, err)
	}
	return p.write(file, der, key)
}

// usable is false for what another authority signed, what ends soon, and what its maker finds no longer good.
func (p *pki) usable(pair keyPair, good func(*x509.Certificate) bool) bool {
	certs, err := cert.ParseCertsPEM(pair.certificate)
	if err != nil {
		return false
	}
	return certs[0].CheckSignatureFrom(p.cert) == nil && certs[0].NotAfter.Sub(p.now) > renewBefore && good(certs[0])
}

func covers(c *x509.Certificate, names []string, addresses []net.IP) bool {
	for _, name := range names {
		if !slices.Contains(c.DNSNames, name) {
			return false
		}
	}
	for _, address := range addresses {
		if !slices.ContainsFunc(c.IPAddresses, address.Equal) {
			return false
		}
	}
	return true
}

func (p *pki) template(name string, organization []string, lifetime time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: organization},
		NotBefore:    p.now.Add(-time.Hour), // machines whose clocks are a little behind
		NotAfter:     p.now.Add(lifetime),
	}, nil
}

func (p *pki) read(file string) (keyPair, error) {
	certificate, err := os.ReadFile(filepath.Join(p.dir, file+".crt"))
	if err != nil {
		return keyPair{}, fmt.Errorf("read certificate: %w", err)
	}
	key, err := os.ReadFile(filepath.Join(p.dir, file+".key"))
	if err != nil {
		return keyPair{}, fmt.Errorf("read key: %w", err)
	}
	return keyPair{certificate, key}, nil
}

// write stores the key first: a certificate without its key, after a crash between the two, would be used.
func (p *pki) write(file string, der []byte, key crypto.PrivateKey) (keyPair, error) {
	certificate, err := cert.EncodeCertificates(&x509.Certificate{Raw: der})
	if err != nil {
		return keyPair{}, fmt.Errorf("encode certificate %s: %w", file, err)
	}
	encoded, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return keyPair{}, fmt.Errorf("encode key %s: %w", file, err)
	}
	if err := writeFile(filepath.Join(p.dir, file+".key"), encoded, 0o600); err != nil {
		return keyPair{}, err
	}
	return keyPair{certificate, encoded}, writeFile(filepath.Join(p.dir, file+".crt"), certificate, 0o644)
}

// writeFile replaces a file whole, so that a crash leaves the old or the new one.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(data)
	if err == nil {
		err = temporary.Chmod(mode)
	}
	if err == nil {
		err = temporary.Sync()
	}
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
