package apiserver

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/registry/rest"
)

// authenticationReviews are the resources of authentication.k8s.io: who bears a token, and `kubectl auth whoami`.
func authenticationReviews(knows authenticator.Request, audiences authenticator.Audiences) map[string]rest.Storage {
	return map[string]rest.Storage{
		"selfsubjectreviews": &review{
			kind: "SelfSubjectReview", create: func() runtime.Object { return &authenticationv1.SelfSubjectReview{} },
			answer: func(ctx context.Context, obj runtime.Object) error {
				caller, err := callerOf(ctx)
				if err == nil {
					obj.(*authenticationv1.SelfSubjectReview).Status.UserInfo = userInfo(caller)
				}
				return err
			},
		},
		"tokenreviews": &review{
			kind: "TokenReview", create: func() runtime.Object { return &authenticationv1.TokenReview{} },
			answer: func(ctx context.Context, obj runtime.Object) error {
				asked := obj.(*authenticationv1.TokenReview)
				if asked.Spec.Token == "" {
					return apierrors.NewBadRequest("token is required for TokenReview in authentication")
				}
				wanted := audiences
				if len(asked.Spec.Audiences) > 0 {
					wanted = asked.Spec.Audiences
				}
				return reviewToken(ctx, knows, wanted, asked)
			},
		},
	}
}

// reviewToken asks as a request would that has the token and nothing else.
func reviewToken(ctx context.Context, knows authenticator.Request, wanted authenticator.Audiences, asked *authenticationv1.TokenReview) error {
	fake := &http.Request{Header: http.Header{"Authorization": {"Bearer " + asked.Spec.Token}}, URL: &url.URL{}}
	response, ok, err := knows.AuthenticateRequest(fake.WithContext(authenticator.WithAudiences(ctx, wanted)))
	asked.Status = authenticationv1.TokenReviewStatus{Authenticated: ok}
	if err != nil {
		asked.Status.Error = err.Error()
	}
	if !ok || response == nil {
		return nil
	}
	if len(wanted.Intersect(response.Audiences)) == 0 {
		return apierrors.NewInternalError(errors.New("error validating audiences"))
	}
	asked.Status.User, asked.Status.Audiences = userInfo(response.User), response.Audiences
	return nil
}

func userInfo(who user.Info) authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: who.GetName(), UID: who.GetUID(), Groups: who.GetGroups()}
	for key, values := range who.GetExtra() {
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[key] = values
	}
	return info
}
