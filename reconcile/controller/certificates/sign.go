package certificates

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
)

// Authority signs certificates.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// backdate lets machines whose clocks are behind use their certificates at once.
const backdate = time.Hour

// sign makes the certificate that is asked for, PEM encoded. It never outlives the authority's own.
func (a Authority) sign(r *certificatesv1.CertificateSigningRequest, now, notAfter time.Time) ([]byte, error) {
	asked, err := parse(r)
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	if notAfter.After(a.Certificate.NotAfter) {
		notAfter = a.Certificate.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: asked.Subject, NotBefore: now.Add(-backdate), NotAfter: notAfter,
		DNSNames: asked.DNSNames, IPAddresses: asked.IPAddresses, EmailAddresses: asked.EmailAddresses, URIs: asked.URIs,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	if slices.Contains(r.Spec.Usages, certificatesv1.UsageDigitalSignature) {
		template.KeyUsage |= x509.KeyUsageDigitalSignature
	}
	if slices.Contains(r.Spec.Usages, certificatesv1.UsageKeyEncipherment) {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, asked.PublicKey, a.Key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
