package apiserver

import (
	"context"
	"crypto/x509"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	requestunion "k8s.io/apiserver/pkg/authentication/request/union"
	requestx509 "k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/path"
	authorizerunion "k8s.io/apiserver/pkg/authorization/union"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// openPaths answer without credentials: what a supervisor or load balancer asks.
var openPaths = []string{"/livez", "/readyz", "/healthz"}

// newAuthenticator takes client certificates of our CA; without one, only openPaths are reached.
func newAuthenticator(clientCA *x509.CertPool) authenticator.Request {
	options := requestx509.DefaultVerifyOptions()
	options.Roots = clientCA
	var conditions []apiserver.AnonymousAuthCondition
	for _, path := range openPaths {
		conditions = append(conditions, apiserver.AnonymousAuthCondition{Path: path})
	}
	return requestunion.New(
		group.NewAuthenticatedGroupAdder(requestx509.New(options, requestx509.CommonNameUserConversion)),
		anonymous.NewAuthenticator(conditions),
	)
}

// newAuthorizer allows everything to the group system:masters, and openPaths to everyone.
func newAuthorizer() (authorizer.Authorizer, error) {
	open, err := path.NewAuthorizer(openPaths)
	if err != nil {
		return nil, err
	}
	return authorizerunion.New(
		authorizerunion.NamedAuthorizer{AuthorizerName: "masters", Authorizer: authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)},
		authorizerunion.NamedAuthorizer{AuthorizerName: "paths", Authorizer: open},
	)
}

// accessReviewREST is selfsubjectaccessreviews: `kubectl auth can-i`.
type accessReviewREST struct{ authorizer authorizer.Authorizer }

var _ rest.Creater = &accessReviewREST{}

func (a *accessReviewREST) New() runtime.Object { return &authorizationv1.SelfSubjectAccessReview{} }

// Destroy does nothing: there is no storage.
func (a *accessReviewREST) Destroy()                {}
func (a *accessReviewREST) NamespaceScoped() bool   { return false }
func (a *accessReviewREST) GetSingularName() string { return "selfsubjectaccessreview" }

func (a *accessReviewREST) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	review, ok := obj.(*authorizationv1.SelfSubjectAccessReview)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a SelfSubjectAccessReview: %T", obj))
	}
	caller, ok := request.UserFrom(ctx)
	if !ok {
		return nil, apierrors.NewBadRequest("no user present on request")
	}
	if (review.Spec.ResourceAttributes == nil) == (review.Spec.NonResourceAttributes == nil) {
		return nil, apierrors.NewBadRequest("spec: exactly one of nonResourceAttributes or resourceAttributes must be specified")
	}
	if validate != nil {
		if err := validate(ctx, obj.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	decision, reason, err := a.authorizer.Authorize(ctx, asked(caller, review.Spec))
	review.Status = authorizationv1.SubjectAccessReviewStatus{
		Allowed: decision == authorizer.DecisionAllow, Denied: decision == authorizer.DecisionDeny, Reason: reason,
	}
	if err != nil {
		review.Status.EvaluationError = err.Error()
	}
	return review, nil
}

func asked(caller user.Info, spec authorizationv1.SelfSubjectAccessReviewSpec) authorizer.Attributes {
	if resource := spec.ResourceAttributes; resource != nil {
		return authorizer.AttributesRecord{
			User: caller, Verb: resource.Verb, Namespace: resource.Namespace, Name: resource.Name, ResourceRequest: true,
			APIGroup: resource.Group, APIVersion: resource.Version, Resource: resource.Resource, Subresource: resource.Subresource,
		}
	}
	return authorizer.AttributesRecord{User: caller, Verb: spec.NonResourceAttributes.Verb, Path: spec.NonResourceAttributes.Path}
}

// whoAmIREST is selfsubjectreviews: `kubectl auth whoami`.
type whoAmIREST struct{}

var _ rest.Creater = whoAmIREST{}

func (whoAmIREST) New() runtime.Object { return &authenticationv1.SelfSubjectReview{} }

// Destroy does nothing: there is no storage.
func (whoAmIREST) Destroy()                {}
func (whoAmIREST) NamespaceScoped() bool   { return false }
func (whoAmIREST) GetSingularName() string { return "selfsubjectreview" }

func (whoAmIREST) Create(ctx context.Context, obj runtime.Object, _ rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	review, ok := obj.(*authenticationv1.SelfSubjectReview)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a SelfSubjectReview: %T", obj))
	}
	caller, ok := request.UserFrom(ctx)
	if !ok {
		return nil, apierrors.NewBadRequest("no user present on request")
	}
	review.Status.UserInfo = authenticationv1.UserInfo{Username: caller.GetName(), UID: caller.GetUID(), Groups: caller.GetGroups()}
	for key, values := range caller.GetExtra() {
		if review.Status.UserInfo.Extra == nil {
			review.Status.UserInfo.Extra = map[string]authenticationv1.ExtraValue{}
		}
		review.Status.UserInfo.Extra[key] = values
	}
	return review, nil
}
