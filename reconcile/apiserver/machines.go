package apiserver

import (
	"context"
	"crypto"
	"crypto/x509"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	requestunion "k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	authorizerunion "k8s.io/apiserver/pkg/authorization/union"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericserver "k8s.io/apiserver/pkg/server"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/api"
	"coracle.dev/coracle/reconcile/apiserver/bootstraptoken"
	"coracle.dev/coracle/reconcile/apiserver/nodeaccess"
)

// admitMachines lets in who holds a bootstrap token, and lets nodes do what is theirs; all others are as before.
func (s *Server) admitMachines(config *genericserver.Config) (err error) {
	tokens := &bootstraptoken.Authenticator{Secret: s.systemSecret, Clock: clock.RealClock{}}
	config.Authentication.Authenticator = requestunion.New(
		group.NewAuthenticatedGroupAdder(bearertoken.New(tokens)),
		config.Authentication.Authenticator,
	)
	config.Authorization.Authorizer, err = authorizerunion.New(
		authorizerunion.NamedAuthorizer{AuthorizerName: "nodes", Authorizer: nodeaccess.NewAuthorizer(s.nodePods)},
		authorizerunion.NamedAuthorizer{AuthorizerName: "others", Authorizer: config.Authorization.Authorizer},
	)
	chain := config.BuildHandlerChainFunc
	config.BuildHandlerChainFunc = func(handler http.Handler, c *genericserver.Config) http.Handler {
		return tokens.Explain(chain(handler, c), api.Codecs)
	}
	return err
}

// systemSecret reads a Secret of kube-system from the store.
func (s *Server) systemSecret(ctx context.Context, name string) (*corev1.Secret, error) {
	obj, err := s.registries.core("secrets").Get(request.WithNamespace(ctx, metav1.NamespaceSystem), name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return obj.(*corev1.Secret), nil
}

// machineAdmission holds nodes to what they may write, and those who approve and sign certificates to what they may.
func (s *Server) machineAdmission() chain {
	return chain{
		nodeaccess.NewRestriction(s.nodePods),
		certificateAdmission{func() authorizer.UnconditionalAuthorizer { return s.generic.Authorizer }},
	}
}

// Authority signs certificates that the server takes. Its key leaves the process by no other way.
func (s *Server) Authority() (*x509.Certificate, crypto.Signer) { return s.pki.cert, s.pki.signs }
