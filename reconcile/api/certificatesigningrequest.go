package api

import (
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
)

// Who asks (spec.username, groups, uid and extra) is filled in by the API server, which knows.
var certificateSigningRequest = Of[*certificatesv1.CertificateSigningRequest]{
	Group: certificatesv1.GroupName, Version: "v1", Kind: "CertificateSigningRequest",
	Resource: "certificatesigningrequests", Singular: "certificatesigningrequest", ShortNames: []string{"csr"},
	New:          func() *certificatesv1.CertificateSigningRequest { return &certificatesv1.CertificateSigningRequest{} },
	NewList:      func() runtime.Object { return &certificatesv1.CertificateSigningRequestList{} },
	ValidateName: func(string, bool) []string { return nil }, // any that a URL can hold
	PrepareForCreate: func(r *certificatesv1.CertificateSigningRequest) {
		r.Status = certificatesv1.CertificateSigningRequestStatus{}
	},
	PrepareForUpdate: func(r, old *certificatesv1.CertificateSigningRequest) {
		r.Spec, r.Status = old.Spec, old.Status
	},
	PrepareForStatusUpdate: prepareCertificateStatus,
	ValidateCreate:         validateCertificateRequest,
	ValidateStatusUpdate:   validateCertificateStatus,
	Fields: func(r *certificatesv1.CertificateSigningRequest) fields.Set {
		return fields.Set{"spec.signerName": r.Spec.SignerName}
	},
	Columns: []metav1.TableColumnDefinition{
		nameColumn,
		ageColumn,
		column("SignerName", "string", "Who is asked to sign."),
		column("Requestor", "string", "Who asks."),
		column("RequestedDuration", "string", "How long the certificate should be good for."),
		column("Condition", "string", "Whether the request is approved, and the certificate issued."),
	},
	Row: func(r *certificatesv1.CertificateSigningRequest, now time.Time) []any {
		asked := none
		if seconds := r.Spec.ExpirationSeconds; seconds != nil {
			asked = duration.HumanDuration(time.Duration(*seconds) * time.Second)
		}
		signer := r.Spec.SignerName
		if signer == "" {
			signer = none
		}
		return []any{r.Name, age(r.CreationTimestamp, now), signer, r.Spec.Username, asked, certificateCondition(r)}
	},
}

// isVerdict is whether a condition is written through /approval, and not through /status.
func isVerdict(condition certificatesv1.RequestConditionType) bool {
	return condition == certificatesv1.CertificateApproved || condition == certificatesv1.CertificateDenied
}

// prepareCertificateStatus leaves the approval to its own endpoint: who signs must not be able to approve as well.
func prepareCertificateStatus(r, old *certificatesv1.CertificateSigningRequest) {
	r.Spec = old.Spec
	r.Status.Conditions = mergedConditions(old, r)
}

// PrepareCertificateApproval leaves in r nothing but the verdict, Approved or Denied, that is not in old.
func PrepareCertificateApproval(r, old *certificatesv1.CertificateSigningRequest) {
	conditions := mergedConditions(r, old)
	r.Spec, r.Status = old.Spec, *old.Status.DeepCopy()
	r.Status.Conditions = conditions
}

// mergedConditions are the verdicts of the first, and what else the second has.
func mergedConditions(verdicts, others *certificatesv1.CertificateSigningRequest) []certificatesv1.CertificateSigningRequestCondition {
	var merged []certificatesv1.CertificateSigningRequestCondition
	for _, condition := range verdicts.Status.Conditions {
		if isVerdict(condition.Type) {
			merged = append(merged, *condition.DeepCopy())
		}
	}
	for _, condition := range others.Status.Conditions {
		if !isVerdict(condition.Type) {
			merged = append(merged, *condition.DeepCopy())
		}
	}
	return merged
}

// certificateCondition is "Pending", "Approved" or "Denied", with ",Failed" and ",Issued".
func certificateCondition(r *certificatesv1.CertificateSigningRequest) string {
	seen := map[certificatesv1.RequestConditionType]bool{}
	for _, condition := range r.Status.Conditions {
		seen[condition.Type] = true
	}
	text := "Pending"
	switch {
	case seen[certificatesv1.CertificateDenied]:
		text = "Denied"
	case seen[certificatesv1.CertificateApproved]:
		text = "Approved"
	}
	if seen[certificatesv1.CertificateFailed] {
		text += ",Failed"
	}
	if len(r.Status.Certificate) > 0 {
		text += ",Issued"
	}
	return text
}
