package apiserver

import (
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// review is a resource that is only ever created: the question goes in, the answer comes back, and nothing is stored.
type review struct {
	kind       string
	namespaced bool
	create     func() runtime.Object
	answer     func(ctx context.Context, obj runtime.Object) error
}

var _ rest.Creater = &review{}

func (r *review) New() runtime.Object { return r.create() }

// Destroy does nothing: there is no storage.
func (r *review) Destroy()                {}
func (r *review) NamespaceScoped() bool   { return r.namespaced }
func (r *review) GetSingularName() string { return strings.ToLower(r.kind) }

func (r *review) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	if validate != nil {
		if err := validate(ctx, obj.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	return obj, r.answer(ctx, obj)
}

// accessReviews are the resources of authorization.k8s.io: what `kubectl auth can-i` asks.
func accessReviews(judge authorizer.Authorizer, rules authorizer.RuleResolver) map[string]rest.Storage {
	return map[string]rest.Storage{
		"selfsubjectaccessreviews": &review{
			kind: "SelfSubjectAccessReview", create: func() runtime.Object { return &authorizationv1.SelfSubjectAccessReview{} },
			answer: func(ctx context.Context, obj runtime.Object) error {
				asked := obj.(*authorizationv1.SelfSubjectAccessReview)
				caller, err := callerOf(ctx)
				if err != nil {
					return err
				}
				spec := authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: asked.Spec.ResourceAttributes, NonResourceAttributes: asked.Spec.NonResourceAttributes}
				if errs := validateAttributes(spec); len(errs) > 0 {
					return apierrors.NewInvalid(authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview").GroupKind(), "", errs)
				}
				asked.Status = judged(ctx, judge, attributesOf(caller, spec))
				return nil
			},
		},
		"subjectaccessreviews": &review{
			kind: "SubjectAccessReview", create: func() runtime.Object { return &authorizationv1.SubjectAccessReview{} },
			answer: func(ctx context.Context, obj runtime.Object) error {
				asked := obj.(*authorizationv1.SubjectAccessReview)
				if errs := validateReview(asked.Spec); len(errs) > 0 {
					return apierrors.NewInvalid(authorizationv1.SchemeGroupVersion.WithKind("SubjectAccessReview").GroupKind(), "", errs)
				}
				asked.Status = judged(ctx, judge, attributesOf(subjectOf(asked.Spec), asked.Spec))
				return nil
			},
		},
		"localsubjectaccessreviews": &review{
			kind: "LocalSubjectAccessReview", namespaced: true, create: func() runtime.Object { return &authorizationv1.LocalSubjectAccessReview{} },
			answer: func(ctx context.Context, obj runtime.Object) error {
				asked := obj.(*authorizationv1.LocalSubjectAccessReview)
				errs := append(validateReview(asked.Spec), validateLocal(asked.Spec, request.NamespaceValue(ctx))...)
				if len(errs) > 0 {
					return apierrors.NewInvalid(authorizationv1.SchemeGroupVersion.WithKind("LocalSubjectAccessReview").GroupKind(), "", errs)
				}
				asked.Status = judged(ctx, judge, attributesOf(subjectOf(asked.Spec), asked.Spec))
				return nil
			},
		},
		"selfsubjectrulesreviews": &review{
			kind: "SelfSubjectRulesReview", create: func() runtime.Object { return &authorizationv1.SelfSubjectRulesReview{} },
			answer: func(ctx context.Context, obj runtime.Object) error {
				asked := obj.(*authorizationv1.SelfSubjectRulesReview)
				caller, err := callerOf(ctx)
				if err != nil {
					return err
				}
				if asked.Spec.Namespace == "" {
					return apierrors.NewBadRequest("no namespace on request")
				}
				asked.Status = rulesOf(ctx, rules, caller, asked.Spec.Namespace)
				return nil
			},
		},
	}
}

func callerOf(ctx context.Context) (user.Info, error) {
	caller, ok := request.UserFrom(ctx)
	if !ok {
		return nil, apierrors.NewBadRequest("no user present on request")
	}
	return caller, nil
}

func validateAttributes(spec authorizationv1.SubjectAccessReviewSpec) field.ErrorList {
	at := field.NewPath("spec")
	switch {
	case spec.ResourceAttributes != nil && spec.NonResourceAttributes != nil:
		return field.ErrorList{field.Invalid(at.Child("nonResourceAttributes"), spec.NonResourceAttributes, "cannot be specified in combination with resourceAttributes")}
	case spec.ResourceAttributes == nil && spec.NonResourceAttributes == nil:
		return field.ErrorList{field.Invalid(at.Child("resourceAttributes"), spec.NonResourceAttributes, "exactly one of nonResourceAttributes or resourceAttributes must be specified")}
	}
	return nil
}

func validateReview(spec authorizationv1.SubjectAccessReviewSpec) field.ErrorList {
	errs := validateAttributes(spec)
	if spec.User == "" && len(spec.Groups) == 0 {
		errs = append(errs, field.Invalid(field.NewPath("spec", "user"), spec.User, "at least one of user or group must be specified"))
	}
	return errs
}

func validateLocal(spec authorizationv1.SubjectAccessReviewSpec, namespace string) field.ErrorList {
	at := field.NewPath("spec")
	var errs field.ErrorList
	if spec.ResourceAttributes != nil && spec.ResourceAttributes.Namespace != namespace {
		errs = append(errs, field.Invalid(at.Child("resourceAttributes", "namespace"), spec.ResourceAttributes.Namespace, "must match metadata.namespace"))
	}
	if spec.NonResourceAttributes != nil {
		errs = append(errs, field.Invalid(at.Child("nonResourceAttributes"), spec.NonResourceAttributes, "disallowed on this kind of request"))
	}
	return errs
}

func subjectOf(spec authorizationv1.SubjectAccessReviewSpec) user.Info {
	subject := &user.DefaultInfo{Name: spec.User, UID: spec.UID, Groups: spec.Groups, Extra: map[string][]string{}}
	for key, values := range spec.Extra {
		subject.Extra[strings.ToLower(key)] = values
	}
	return subject
}

func attributesOf(who user.Info, spec authorizationv1.SubjectAccessReviewSpec) authorizer.Attributes {
	if resource := spec.ResourceAttributes; resource != nil {
		return authorizer.AttributesRecord{
			User: who, Verb: resource.Verb, Namespace: resource.Namespace, Name: resource.Name, ResourceRequest: true,
			APIGroup: resource.Group, APIVersion: resource.Version, Resource: resource.Resource, Subresource: resource.Subresource,
		}
	}
	return authorizer.AttributesRecord{User: who, Verb: spec.NonResourceAttributes.Verb, Path: spec.NonResourceAttributes.Path}
}

func judged(ctx context.Context, judge authorizer.Authorizer, asked authorizer.Attributes) authorizationv1.SubjectAccessReviewStatus {
	decision, reason, err := judge.Authorize(ctx, asked)
	status := authorizationv1.SubjectAccessReviewStatus{
		Allowed: decision == authorizer.DecisionAllow, Denied: decision == authorizer.DecisionDeny, Reason: reason,
	}
	if err != nil {
		status.EvaluationError = fmt.Sprint(err)
	}
	return status
}

func rulesOf(ctx context.Context, rules authorizer.RuleResolver, who user.Info, namespace string) authorizationv1.SubjectRulesReviewStatus {
	resources, others, incomplete, err := rules.RulesFor(ctx, who, namespace)
	status := authorizationv1.SubjectRulesReviewStatus{
		Incomplete: incomplete, ResourceRules: []authorizationv1.ResourceRule{}, NonResourceRules: []authorizationv1.NonResourceRule{},
	}
	for _, rule := range resources {
		status.ResourceRules = append(status.ResourceRules, authorizationv1.ResourceRule{
			Verbs: rule.GetVerbs(), APIGroups: rule.GetAPIGroups(), Resources: rule.GetResources(), ResourceNames: rule.GetResourceNames(),
		})
	}
	for _, rule := range others {
		status.NonResourceRules = append(status.NonResourceRules, authorizationv1.NonResourceRule{Verbs: rule.GetVerbs(), NonResourceURLs: rule.GetNonResourceURLs()})
	}
	if err != nil {
		status.EvaluationError = err.Error()
	}
	return status
}
