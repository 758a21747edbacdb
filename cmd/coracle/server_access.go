package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/certificate"
	"k8s.io/client-go/util/connrotation"
)

// serverAccess is how an agent reaches its server: by its certificate of the moment.
type serverAccess struct {
	server      string
	tls         *tls.Config
	config      *rest.Config
	connections *connrotation.ConnectionTracker
	renewal     certificate.Manager // nil until the agent is put together
}

func newServerAccess(server string, ca *x509.Certificate) *serverAccess {
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	a := &serverAccess{server: server, connections: connrotation.NewConnectionTracker()}
	a.tls = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if a.renewal != nil {
			if current := a.renewal.Current(); current != nil {
				return current, nil
			}
		}
		return nil, errors.New("this machine's certificate has ended")
	}}
	dialer := connrotation.NewDialerWithTracker((&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext, a.connections)
	a.config = &rest.Config{
		Host: server, QPS: -1, UserAgent: "coracle-node",
		ContentConfig: rest.ContentConfig{
			ContentType: runtime.ContentTypeProtobuf, AcceptContentTypes: runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON,
		},
		Transport: utilnet.SetTransportDefaults(&http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, TLSClientConfig: a.tls, DialContext: dialer.DialContext,
		}),
	}
	return a
}

// renewalPeriod is how often the certificate is looked at; it is renewed weeks before its end.
const renewalPeriod = time.Minute

// followRenewal leaves connections that an older certificate has opened.
func (a *serverAccess) followRenewal(ctx context.Context) error {
	tick := time.NewTicker(renewalPeriod)
	defer tick.Stop()
	for last := a.renewal.Current(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if current := a.renewal.Current(); current != nil && last != nil && !current.Leaf.Equal(last.Leaf) {
			a.connections.CloseAll()
			last = current
		} else if last == nil {
			last = current
		}
	}
}
