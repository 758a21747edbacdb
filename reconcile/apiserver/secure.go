package apiserver

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"

	"k8s.io/apiserver/pkg/authentication/user"
	genericserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"

	"coracle.dev/coracle/reconcile/api"
)

// secure sets the listener, its certificate, and who may come in; and writes the kubeconfig.
func (s *Server) secure(config *genericserver.Config) error {
	names, addresses := s.identities()
	serving, err := s.pki.server(names, addresses)
	if err != nil {
		return err
	}
	admin, err := s.pki.client("admin", "coracle-admin", user.SystemPrivilegedGroup)
	if err != nil {
		return err
	}
	// The authority's certificate goes with it: a machine that joins compares it with the hash in its token.
	certificate, err := dynamiccertificates.NewStaticCertKeyContent("server", slices.Concat(serving.certificate, s.pki.ca.certificate), serving.key)
	if err != nil {
		return fmt.Errorf("serving certificate: %w", err)
	}
	clientCA, err := dynamiccertificates.NewStaticCAContent("client-ca", s.pki.ca.certificate)
	if err != nil {
		return fmt.Errorf("client certificate authority: %w", err)
	}
	config.SecureServing = &genericserver.SecureServingInfo{Listener: s.options.Listener, Cert: certificate, ClientCA: clientCA}
	config.Authentication.Authenticator = s.access.newAuthenticator(s.pki.pool)
	config.Authentication.APIAudiences = s.access.tokens.Audiences
	if config.Authorization.Authorizer, err = s.access.newAuthorizer(); err != nil {
		return err
	}
	chain := config.BuildHandlerChainFunc
	config.BuildHandlerChainFunc = func(handler http.Handler, c *genericserver.Config) http.Handler {
		return s.access.joining.Explain(chain(handler, c), api.Codecs)
	}
	host, port, err := genericserver.LoopbackHostPort(s.options.Listener.Addr().String())
	if err != nil {
		return fmt.Errorf("address of the listener: %w", err)
	}
	return writeKubeconfig(s.KubeconfigPath(), "https://"+net.JoinHostPort(host, port), s.pki.ca.certificate, admin)
}

// identities are the names and addresses that the serving certificate is good for.
func (s *Server) identities() (names []string, addresses []net.IP) {
	names = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	if hostname, err := os.Hostname(); err == nil {
		names = append(names, hostname)
	}
	addresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, s.apiAddress().AsSlice()}
	if tcp, ok := s.options.Listener.Addr().(*net.TCPAddr); ok && !tcp.IP.IsUnspecified() {
		addresses = append(addresses, tcp.IP)
	} else if interfaces, err := net.InterfaceAddrs(); err == nil {
		for _, address := range interfaces {
			if network, ok := address.(*net.IPNet); ok && !network.IP.IsLinkLocalUnicast() {
				addresses = append(addresses, network.IP)
			}
		}
	}
	for _, name := range s.options.Names {
		if ip := net.ParseIP(name); ip != nil {
			addresses = append(addresses, ip)
		} else {
			names = append(names, name)
		}
	}
	return names, addresses
}

// Authority signs certificates that the server takes. Its key leaves the process by no other way.
func (s *Server) Authority() (*x509.Certificate, crypto.Signer) { return s.pki.cert, s.pki.signs }
