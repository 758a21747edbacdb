package apiserver

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/api"
	"coracle.dev/coracle/reconcile/apiserver/token"
)

// tokenRequestREST is serviceaccounts/token: `kubectl create token`.
type tokenRequestREST struct {
	issuer    *token.Issuer
	audiences []string // for whom a token is that names nobody
	lookup    token.Lookup
	clock     clock.PassiveClock
}

var (
	_ rest.NamedCreater             = &tokenRequestREST{}
	_ rest.GroupVersionKindProvider = &tokenRequestREST{}
)

func (t *tokenRequestREST) New() runtime.Object { return &authenticationv1.TokenRequest{} }

// Destroy does nothing: the storage belongs to the service accounts.
func (t *tokenRequestREST) Destroy() {}

func (t *tokenRequestREST) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return tokenRequestKind
}

var tokenRequestKind = authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")

// Create issues a token.
func (t *tokenRequestREST) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	asked, ok := obj.(*authenticationv1.TokenRequest)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a TokenRequest: %T", obj))
	}
	namespace := request.NamespaceValue(ctx)
	if errs := completeTokenRequest(asked, namespace, name); len(errs) > 0 {
		return nil, apierrors.NewInvalid(tokenRequestKind.GroupKind(), name, errs)
	}
	account, err := t.lookup(ctx, "serviceaccounts", namespace, token.Ref{Name: name})
	if err != nil {
		return nil, err
	}
	if validate != nil {
		if err := validate(ctx, asked.DeepCopy()); err != nil {
			return nil, err
		}
	}
	if len(asked.Spec.Audiences) == 0 { // only now: admission has compared with what a Pod's volumes say
		asked.Spec.Audiences = t.audiences
	}
	claims := token.Claims{Namespace: namespace, ServiceAccount: token.Ref{Name: name, UID: account.GetUID()}}
	if asked.Spec.BoundObjectRef != nil {
		if err := t.bind(ctx, &claims, asked.Spec.BoundObjectRef); err != nil {
			return nil, err
		}
	}
	now := t.clock.Now()
	expiry := metav1.Unix(now.Unix()+*asked.Spec.ExpirationSeconds, 0)
	signed, err := t.issuer.Issue(claims, asked.Spec.Audiences, now, expiry.Time)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	asked.Status = authenticationv1.TokenRequestStatus{Token: signed, ExpirationTimestamp: expiry}
	asked.CreationTimestamp = metav1.NewTime(now)
	return asked, nil
}

// completeTokenRequest fills in what the request leaves open, but for the audiences, and says what is wrong with it.
func completeTokenRequest(asked *authenticationv1.TokenRequest, namespace, name string) field.ErrorList {
	var errs field.ErrorList
	if asked.Name != "" && asked.Name != name {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), asked.Name, "must match the service account name if specified"))
	}
	if asked.Namespace != "" && asked.Namespace != namespace {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "namespace"), asked.Namespace, "must match the service account namespace if specified"))
	}
	asked.Name, asked.Namespace = name, namespace
	if asked.Spec.ExpirationSeconds == nil {
		seconds := api.DefaultTokenSeconds
		asked.Spec.ExpirationSeconds = &seconds
	}
	return append(errs, api.ValidateTokenSeconds(*asked.Spec.ExpirationSeconds, field.NewPath("spec", "expirationSeconds"))...)
}

// bind has the token end with an object.
func (t *tokenRequestREST) bind(ctx context.Context, claims *token.Claims, to *authenticationv1.BoundObjectReference) error {
	kind := schema.FromAPIVersionAndKind(to.APIVersion, to.Kind)
	wanted := token.Ref{Name: to.Name, UID: to.UID}
	var bound metav1.Object
	var err error
	switch kind.GroupKind() {
	case schema.GroupKind{Kind: "Pod"}:
		if bound, err = t.lookup(ctx, "pods", claims.Namespace, wanted); err == nil {
			err = t.bindPod(ctx, claims, bound.(*corev1.Pod))
		}
	case schema.GroupKind{Kind: "Secret"}:
		if bound, err = t.lookup(ctx, "secrets", claims.Namespace, wanted); err == nil {
			claims.Secret = &token.Ref{Name: bound.GetName(), UID: bound.GetUID()}
		}
	case schema.GroupKind{Kind: "Node"}:
		if bound, err = t.lookup(ctx, "nodes", "", wanted); err == nil {
			claims.Node = &token.Ref{Name: bound.GetName(), UID: bound.GetUID()}
		}
	default:
		return apierrors.NewBadRequest(fmt.Sprintf("cannot bind token to object of type %s", kind.String()))
	}
	if err != nil {
		return err
	}
	if to.UID != "" && bound.GetUID() != to.UID {
		return apierrors.NewConflict(schema.GroupResource{Group: kind.Group, Resource: kind.Kind}, to.Name,
			fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", to.UID))
	}
	return nil
}

// bindPod also names the Pod's node, as far as it is known.
func (t *tokenRequestREST) bindPod(ctx context.Context, claims *token.Claims, pod *corev1.Pod) error {
	if name := claims.ServiceAccount.Name; pod.Spec.ServiceAccountName != name {
		return apierrors.NewBadRequest(fmt.Sprintf("cannot bind token for serviceaccount %q to pod running with different serviceaccount name.", name))
	}
	claims.Pod = &token.Ref{Name: pod.Name, UID: pod.UID}
	if pod.Spec.NodeName == "" {
		return nil
	}
	claims.Node = &token.Ref{Name: pod.Spec.NodeName}
	node, err := t.lookup(ctx, "nodes", "", *claims.Node)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		claims.Node.UID = node.GetUID()
	}
	return err
}
