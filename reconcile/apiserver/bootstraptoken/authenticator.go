package bootstraptoken

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	bootstraputil "k8s.io/cluster-bootstrap/token/util"
	bootstraptokens "k8s.io/cluster-bootstrap/util/tokens"
	"k8s.io/utils/clock"
)

// Authenticator knows the holders of bootstrap tokens.
type Authenticator struct {
	// Secret reads a Secret of kube-system, as it is now: a token is used moments after it was made.
	Secret func(ctx context.Context, name string) (*corev1.Secret, error)
	Clock  clock.PassiveClock
}

var _ authenticator.Token = &Authenticator{}

// AuthenticateToken implements authenticator.Token. What is not a good bootstrap token, others may still know.
func (a *Authenticator) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	holder, err := a.holder(ctx, token)
	if holder == nil {
		return nil, false, err
	}
	return &authenticator.Response{User: holder}, true, nil
}

// holder is nil without an error for what is not the token of anybody; an *ExpiredError for what was.
func (a *Authenticator) holder(ctx context.Context, token string) (user.Info, error) {
	if !bootstraputil.IsValidBootstrapToken(token) {
		return nil, nil
	}
	id, secret, err := bootstraptokens.ParseToken(token)
	if err != nil {
		return nil, nil
	}
	stored, err := a.Secret(ctx, bootstraputil.BootstrapTokenSecretName(id))
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read bootstrap token: %w", err)
	}
	holder, err := Check(stored, id, secret, a.Clock.Now())
	if errors.Is(err, errNoMatch) {
		return nil, nil
	}
	return holder, err
}

// Explain answers who comes with an expired token that it has expired, in place of the next handler's bare "Unauthorized".
func (a *Authenticator) Explain(next http.Handler, codecs runtime.NegotiatedSerializer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
		if strings.EqualFold(scheme, "bearer") {
			var expired *ExpiredError
			if _, err := a.holder(r.Context(), strings.TrimSpace(token)); errors.As(err, &expired) {
				responsewriters.ErrorNegotiated(apierrors.NewUnauthorized(expired.Error()), codecs, schema.GroupVersion{Version: "v1"}, w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
