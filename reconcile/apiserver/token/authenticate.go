package token

import (
	"context"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	tokenjwt "k8s.io/apiserver/pkg/authentication/token/jwt"
	"k8s.io/utils/clock"
)

// Lookup finds an object that claims name: one of serviceaccounts, pods, nodes and secrets. The answer may be a little old,
// but an object that is not there, or has another UID, is looked for again where that is certain.
type Lookup func(ctx context.Context, resource, namespace string, ref Ref) (metav1.Object, error)

// Authenticator knows the bearers of an issuer's tokens. It is an authenticator.Token.
type Authenticator struct {
	Issuer *Issuer
	// Audiences are those of the API server, for whom a token must be if the request does not say for whom else.
	Audiences authenticator.Audiences
	Lookup    Lookup
	Clock     clock.PassiveClock
}

var _ authenticator.Token = &Authenticator{}

// deletionGrace is how long after the beginning of its deletion an object's tokens are good: a Pod that ends may still have
// to say so.
const deletionGrace = time.Minute

// AuthenticateToken implements authenticator.Token. What another has issued is no error: it may be for another authenticator.
func (a *Authenticator) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{algorithm})
	if err != nil {
		return nil, false, nil
	}
	var registered jwt.Claims
	if err := parsed.UnsafeClaimsWithoutVerification(&registered); err != nil || registered.Issuer != a.Issuer.url {
		return nil, false, nil
	}
	var claims private
	if err := parsed.Claims(a.Issuer.public.Key, &registered, &claims); err != nil {
		return nil, false, fmt.Errorf("service account token: %w", err)
	}
	if err := registered.Validate(jwt.Expected{Time: a.Clock.Now()}); err != nil {
		return nil, false, fmt.Errorf("service account token: %w", err)
	}
	wanted, given := authenticator.AudiencesFrom(ctx)
	if !given {
		wanted = a.Audiences
	}
	audiences := authenticator.Audiences(registered.Audience).Intersect(wanted)
	if len(audiences) == 0 {
		return nil, false, fmt.Errorf("service account token: token audiences %q is invalid for the target audiences %q", registered.Audience, wanted)
	}
	if err := a.objectsThere(ctx, &claims.Kubernetes); err != nil {
		return nil, false, fmt.Errorf("service account token: %w", err)
	}
	info := userOf(&claims.Kubernetes)
	info.CredentialID = tokenjwt.CredentialIDForJTI(registered.ID)
	return &authenticator.Response{User: info.UserInfo(), Audiences: audiences}, true, nil
}

func (a *Authenticator) objectsThere(ctx context.Context, claims *Claims) error {
	if err := a.there(ctx, "serviceaccounts", claims.Namespace, &claims.ServiceAccount); err != nil {
		return err
	}
	switch {
	case claims.Pod != nil:
		return a.there(ctx, "pods", claims.Namespace, claims.Pod)
	case claims.Secret != nil:
		return a.there(ctx, "secrets", claims.Namespace, claims.Secret)
	case claims.Node != nil:
		return a.there(ctx, "nodes", "", claims.Node)
	}
	return nil
}

func (a *Authenticator) there(ctx context.Context, resource, namespace string, ref *Ref) error {
	object, err := a.Lookup(ctx, resource, namespace, *ref)
	if err != nil {
		return err
	}
	if object.GetUID() != ref.UID {
		return fmt.Errorf("%s %q has been made anew since the token was issued", resource, ref.Name)
	}
	if deletion := object.GetDeletionTimestamp(); deletion != nil && deletion.Add(deletionGrace).Before(a.Clock.Now()) {
		return fmt.Errorf("%s %q has been deleted", resource, ref.Name)
	}
	return nil
}

func userOf(claims *Claims) *serviceaccount.ServiceAccountInfo {
	info := &serviceaccount.ServiceAccountInfo{
		Namespace: claims.Namespace, Name: claims.ServiceAccount.Name, UID: string(claims.ServiceAccount.UID),
	}
	if claims.Pod != nil {
		info.PodName, info.PodUID = claims.Pod.Name, string(claims.Pod.UID)
	}
	if claims.Node != nil {
		info.NodeName, info.NodeUID = claims.Node.Name, string(claims.Node.UID)
	}
	return info
}
