package apiserver

import (
	"context"
	"crypto/x509"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	requestunion "k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/websocket"
	requestx509 "k8s.io/apiserver/pkg/authentication/request/x509"
	tokenunion "k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/path"
	authorizerunion "k8s.io/apiserver/pkg/authorization/union"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/apiserver/bootstraptoken"
	"coracle.dev/coracle/reconcile/apiserver/nodeaccess"
	"coracle.dev/coracle/reconcile/apiserver/rbac"
	"coracle.dev/coracle/reconcile/apiserver/token"
)

// openPaths answer without credentials: what a supervisor or load balancer asks.
var openPaths = []string{"/livez", "/readyz", "/healthz"}

// access is who may come in, and what they may do.
type access struct {
	policy  *rbac.Policy
	nodes   authorizer.Authorizer
	tokens  *token.Authenticator
	joining *bootstraptoken.Authenticator
}

func (s *Server) openAccess() (*access, error) {
	policy, err := rbac.NewPolicy(s.informers)
	if err != nil {
		return nil, err
	}
	issuer, err := newTokenIssuer(s.pki.dir)
	if err != nil {
		return nil, err
	}
	return &access{
		policy: policy,
		nodes:  nodeaccess.NewAuthorizer(s.nodePods),
		tokens: &token.Authenticator{
			Issuer: issuer, Audiences: authenticator.Audiences{tokenIssuer}, Lookup: s.registries.lookup, Clock: clock.RealClock{},
		},
		joining: &bootstraptoken.Authenticator{Secret: s.systemSecret, Clock: clock.RealClock{}},
	}, nil
}

// newAuthenticator takes client certificates of our CA, and bearer tokens; without either, only openPaths are reached.
func (a *access) newAuthenticator(clientCA *x509.CertPool) authenticator.Request {
	options := requestx509.DefaultVerifyOptions()
	options.Roots = clientCA
	var conditions []apiserver.AnonymousAuthCondition
	for _, path := range openPaths {
		conditions = append(conditions, apiserver.AnonymousAuthCondition{Path: path})
	}
	tokens := tokenunion.New(a.joining, a.tokens)
	return requestunion.New(
		group.NewAuthenticatedGroupAdder(requestunion.New(
			requestx509.New(options, requestx509.CommonNameUserConversion),
			bearertoken.New(tokens),
			websocket.NewProtocolAuthenticator(tokens),
		)),
		anonymous.NewAuthenticator(conditions),
	)
}

// newAuthorizer allows everything to the group system:masters, to nodes what is theirs, openPaths to everyone, and what roles allow.
func (a *access) newAuthorizer() (authorizer.Authorizer, error) {
	open, err := path.NewAuthorizer(openPaths)
	if err != nil {
		return nil, err
	}
	return authorizerunion.New(
		authorizerunion.NamedAuthorizer{AuthorizerName: "masters", Authorizer: authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)},
		authorizerunion.NamedAuthorizer{AuthorizerName: "nodes", Authorizer: a.nodes},
		authorizerunion.NamedAuthorizer{AuthorizerName: "paths", Authorizer: open},
		authorizerunion.NamedAuthorizer{AuthorizerName: "rbac", Authorizer: a.policy},
	)
}

// systemSecret reads a Secret of kube-system from the store.
func (s *Server) systemSecret(ctx context.Context, name string) (*corev1.Secret, error) {
	obj, err := s.registries.core("secrets").Get(request.WithNamespace(ctx, metav1.NamespaceSystem), name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return obj.(*corev1.Secret), nil
}
