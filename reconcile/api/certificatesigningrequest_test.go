package api

import (
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
)

func signingRequest(certificate string, conditions ...string) *certificatesv1.CertificateSigningRequest {
	r := &certificatesv1.CertificateSigningRequest{}
	r.Status.Certificate = []byte(certificate)
	for _, condition := range conditions {
		kind, status, said := strings.Cut(condition, "=")
		if !said {
			status = "True"
		}
		r.Status.Conditions = append(r.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
			Type: certificatesv1.RequestConditionType(kind), Status: corev1.ConditionStatus(status),
		})
	}
	return r
}

func TestCertificateStatusAndApprovalAreApart(t *testing.T) {
	old := signingRequest("", "Approved")
	written := signingRequest("cert", "Denied", "Failed")
	written.Spec.SignerName = "example.org/other"

	status := written.DeepCopy()
	certificateSigningRequest.PrepareForStatusUpdate(status, old)
	if got := certificateCondition(status); got != "Approved,Failed,Issued" || status.Spec.SignerName != "" {
		t.Errorf("who signs wrote %s, %v", got, status.Spec)
	}
	approval := written.DeepCopy()
	PrepareCertificateApproval(approval, old)
	if got := certificateCondition(approval); got != "Denied" || approval.Spec.SignerName != "" {
		t.Errorf("who approves wrote %s, %v", got, approval.Spec)
	}
}

func TestCertificateStatusIsJudged(t *testing.T) {
	for name, c := range map[string]struct {
		old, r *certificatesv1.CertificateSigningRequest
		want   string
	}{
		"approved":           {signingRequest(""), signingRequest("", "Approved"), ""},
		"both":               {signingRequest("", "Approved"), signingRequest("", "Approved", "Denied"), "mutually exclusive"},
		"twice":              {signingRequest(""), signingRequest("", "Approved", "Approved"), "Duplicate value"},
		"not true":           {signingRequest(""), signingRequest("", "Denied=False"), `supported values: "True"`},
		"of another kind":    {signingRequest(""), signingRequest("", "Seen=False"), ""},
		"no type":            {signingRequest(""), signingRequest("", "=True"), "status.conditions[0].type: Required value"},
		"taken back":         {signingRequest("", "Denied"), signingRequest(""), `may not remove a condition of type "Denied"`},
		"failure taken back": {signingRequest("", "Failed"), signingRequest(""), `may not remove a condition of type "Failed"`},
		"no certificate":     {signingRequest("", "Approved"), signingRequest("text", "Approved"), "at least one CERTIFICATE PEM block"},
		"changed":            {signingRequest("text", "Approved"), signingRequest("other", "Approved"), "may not modify existing certificate content"},
		"same":               {signingRequest("text", "Approved"), signingRequest("text", "Approved"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			errs := certificateSigningRequest.ValidateStatusUpdate(c.r, c.old)
			if c.want == "" && len(errs) > 0 || c.want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), c.want)) {
				t.Errorf("got %v, want %q", errs, c.want)
			}
		})
	}
}
