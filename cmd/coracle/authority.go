package main

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/url"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
)

// authority is the certificate of the server's authority, as the kubeconfig has it.
func (r *remote) authority() (*x509.Certificate, error) {
	tls := rest.CopyConfig(r.settings)
	if err := rest.LoadTLSFiles(tls); err != nil {
		return nil, fmt.Errorf("read %s: %w", r.config, err)
	}
	certificates, err := cert.ParseCertsPEM(tls.CAData)
	if err != nil {
		return nil, fmt.Errorf("%s holds no certificate authority of the server: %w", r.config, err)
	}
	return certificates[0], nil
}

// loopback is whether only this machine reaches the address.
func loopback(server string) bool {
	parsed, err := url.Parse(server)
	if err != nil {
		return false
	}
	ip := net.ParseIP(parsed.Hostname())
	return parsed.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
