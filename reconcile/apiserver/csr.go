package apiserver

import (
	"context"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"coracle.dev/coracle/reconcile/api"
)

// stampRequester has the store write into each new CertificateSigningRequest who asks: on that it is decided.
func stampRequester(store *genericregistry.Store) {
	store.CreateStrategy = requesterStrategy{store.CreateStrategy}
}

type requesterStrategy struct{ rest.RESTCreateStrategy }

func (s requesterStrategy) PrepareForCreate(ctx context.Context, obj runtime.Object) {
	s.RESTCreateStrategy.PrepareForCreate(ctx, obj)
	spec := &obj.(*certificatesv1.CertificateSigningRequest).Spec
	spec.Username, spec.UID, spec.Groups, spec.Extra = "", "", nil, nil
	caller, ok := request.UserFrom(ctx)
	if !ok {
		return
	}
	spec.Username, spec.UID, spec.Groups = caller.GetName(), caller.GetUID(), caller.GetGroups()
	for key, values := range caller.GetExtra() {
		if spec.Extra == nil {
			spec.Extra = map[string]certificatesv1.ExtraValue{}
		}
		spec.Extra[key] = values
	}
}

// newApprovalREST is certificatesigningrequests/approval: it changes the verdict and nothing else.
func newApprovalREST(r *registry) *partREST {
	return newPartREST(r, approvalStrategy{newStrategy(r.kind)})
}

type approvalStrategy struct{ strategy }

func (approvalStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	approved := obj.(*certificatesv1.CertificateSigningRequest)
	api.PrepareCertificateApproval(approved, old.(*certificatesv1.CertificateSigningRequest))
	now := metav1.Now()
	for i := range approved.Status.Conditions {
		condition := &approved.Status.Conditions[i]
		if condition.LastUpdateTime.IsZero() {
			condition.LastUpdateTime = now
		}
		if condition.LastTransitionTime.IsZero() {
			condition.LastTransitionTime = now
		}
	}
}

func (s approvalStrategy) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	return s.kind.ValidateStatusUpdate(obj, old)
}

func (s approvalStrategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return resetFields(s.kind, "spec")
}

// certificateAdmission asks that who approves, or signs, may do so for that signer: the verbs approve and sign on signers, by
// name or "example.org/*". Nobody gets a certificate of the group system:masters by a request.
type certificateAdmission struct {
	authorizer func() authorizer.UnconditionalAuthorizer
}

var _ admission.ValidationInterface = certificateAdmission{}

// Handles implements admission.Interface.
func (certificateAdmission) Handles(operation admission.Operation) bool {
	return operation == admission.Create || operation == admission.Update
}

// Validate implements admission.ValidationInterface.
func (c certificateAdmission) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	asked, ok := a.GetObject().(*certificatesv1.CertificateSigningRequest)
	if !ok {
		return nil
	}
	old, _ := a.GetOldObject().(*certificatesv1.CertificateSigningRequest)
	switch {
	case a.GetOperation() == admission.Create && a.GetSubresource() == "":
		return refuseMasters(a, asked)
	case old != nil && a.GetSubresource() == "approval":
		return c.authorize(ctx, a, "approve", old.Spec.SignerName)
	case old != nil && a.GetSubresource() == "status" && string(asked.Status.Certificate) != string(old.Status.Certificate):
		return c.authorize(ctx, a, "sign", old.Spec.SignerName)
	}
	return nil
}

func refuseMasters(a admission.Attributes, asked *certificatesv1.CertificateSigningRequest) error {
	if asked.Spec.SignerName != certificatesv1.KubeAPIServerClientSignerName {
		return nil
	}
	certificate, err := api.ParseCertificateRequest(asked.Spec.Request)
	if err != nil {
		return admission.NewForbidden(a, fmt.Errorf("failed to parse CSR: %w", err))
	}
	for _, group := range certificate.Subject.Organization {
		if group == user.SystemPrivilegedGroup {
			return admission.NewForbidden(a, fmt.Errorf("use of %s signer with %s group is not allowed", certificatesv1.KubeAPIServerClientSignerName, user.SystemPrivilegedGroup))
		}
	}
	return nil
}

func (c certificateAdmission) authorize(ctx context.Context, a admission.Attributes, verb, signer string) error {
	domain, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{signer, domain + "/*"} {
		decision, _, _ := c.authorizer().Authorize(ctx, authorizer.AttributesRecord{
			User: a.GetUserInfo(), Verb: verb, Name: name, APIGroup: certificatesv1.GroupName, APIVersion: "*", Resource: "signers", ResourceRequest: true,
		})
		if decision == authorizer.DecisionAllow {
			return nil
		}
	}
	return admission.NewForbidden(a, fmt.Errorf("user not permitted to %s requests with signerName %q", verb, signer))
}
