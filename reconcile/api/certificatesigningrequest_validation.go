package api

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// minCertificateSeconds and maxSignerName are upstream's: the latter is the longest name of a custom resource.
const (
	minCertificateSeconds = 600
	maxSignerName         = 571
)

var certificateUsages = []certificatesv1.KeyUsage{
	certificatesv1.UsageSigning, certificatesv1.UsageDigitalSignature, certificatesv1.UsageContentCommitment, certificatesv1.UsageKeyEncipherment,
	certificatesv1.UsageKeyAgreement, certificatesv1.UsageDataEncipherment, certificatesv1.UsageCertSign, certificatesv1.UsageCRLSign,
	certificatesv1.UsageEncipherOnly, certificatesv1.UsageDecipherOnly, certificatesv1.UsageAny, certificatesv1.UsageServerAuth,
	certificatesv1.UsageClientAuth, certificatesv1.UsageCodeSigning, certificatesv1.UsageEmailProtection, certificatesv1.UsageSMIME,
	certificatesv1.UsageIPsecEndSystem, certificatesv1.UsageIPsecTunnel, certificatesv1.UsageIPsecUser, certificatesv1.UsageTimestamping,
	certificatesv1.UsageOCSPSigning, certificatesv1.UsageMicrosoftSGC, certificatesv1.UsageNetscapeSGC,
}

func validateCertificateRequest(r *certificatesv1.CertificateSigningRequest) field.ErrorList {
	var errs field.ErrorList
	spec := field.NewPath("spec")
	if request, err := ParseCertificateRequest(r.Spec.Request); err != nil {
		errs = append(errs, field.Invalid(spec.Child("request"), r.Spec.Request, err.Error()))
	} else if err := request.CheckSignature(); err != nil {
		errs = append(errs, field.Invalid(spec.Child("request"), r.Spec.Request, err.Error()))
	}
	if len(r.Spec.Usages) == 0 {
		errs = append(errs, field.Required(spec.Child("usages"), ""))
	}
	for i, usage := range r.Spec.Usages {
		errs = append(errs, oneOf(usage, spec.Child("usages").Index(i), certificateUsages...)...)
		if slices.Contains(r.Spec.Usages[:i], usage) {
			errs = append(errs, field.Duplicate(spec.Child("usages").Index(i), usage))
		}
	}
	errs = append(errs, validateSignerName(spec.Child("signerName"), r.Spec.SignerName)...)
	if seconds := r.Spec.ExpirationSeconds; seconds != nil && *seconds < minCertificateSeconds {
		errs = append(errs, field.Invalid(spec.Child("expirationSeconds"), *seconds, "may not specify a duration less than 600 seconds (10 minutes)"))
	}
	return errs
}

// ParseCertificateRequest reads one request, PEM encoded.
func ParseCertificateRequest(text []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	return x509.ParseCertificateRequest(block.Bytes)
}

// validateSignerName wants a domain and a path: "kubernetes.io/kube-apiserver-client".
func validateSignerName(at *field.Path, name string) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	if name == "kubernetes.io/legacy-unknown" {
		return field.ErrorList{field.Invalid(at, name, "the legacy signerName is not allowed via this API version")}
	}
	domain, path, found := strings.Cut(name, "/")
	if !found || strings.Contains(path, "/") {
		return field.ErrorList{field.Invalid(at, name, `must be a fully qualified domain and path of the form "example.com/signer-name"`)}
	}
	var errs field.ErrorList
	if len(name) > maxSignerName {
		errs = append(errs, field.TooLong(at, name, maxSignerName))
	}
	errs = append(errs, invalid(at, name, validation.IsDNS1123Subdomain(domain))...)
	if !strings.Contains(domain, ".") {
		errs = append(errs, field.Invalid(at, name, "should be a domain with at least two segments separated by dots"))
	}
	return append(errs, invalid(at, name, validation.IsDNS1123Subdomain(path))...)
}

// validateCertificateStatus also judges what comes by /approval. A verdict is final, and so is a certificate.
func validateCertificateStatus(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	path := field.NewPath("status", "conditions")
	var errs field.ErrorList
	seen := map[certificatesv1.RequestConditionType]int{}
	for i, condition := range r.Status.Conditions {
		at := path.Index(i)
		if condition.Type == "" {
			errs = append(errs, field.Required(at.Child("type"), ""))
		}
		errs = append(errs, validateCertificateCondition(at, condition)...)
		if _, twice := seen[condition.Type]; twice {
			errs = append(errs, field.Duplicate(at.Child("type"), condition.Type))
		}
		seen[condition.Type] = i
	}
	approved, isApproved := seen[certificatesv1.CertificateApproved]
	denied, isDenied := seen[certificatesv1.CertificateDenied]
	if isApproved && isDenied {
		last := max(approved, denied)
		errs = append(errs, field.Invalid(path.Index(last).Child("type"), r.Status.Conditions[last].Type, "Approved and Denied conditions are mutually exclusive"))
	}
	for _, before := range old.Status.Conditions {
		if _, kept := seen[before.Type]; !kept && (isVerdict(before.Type) || before.Type == certificatesv1.CertificateFailed) {
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("updates may not remove a condition of type %q", before.Type)))
		}
	}
	return append(errs, validateIssued(r, old)...)
}

func validateCertificateCondition(at *field.Path, condition certificatesv1.CertificateSigningRequestCondition) field.ErrorList {
	known := []corev1.ConditionStatus{corev1.ConditionTrue}
	if !isVerdict(condition.Type) && condition.Type != certificatesv1.CertificateFailed {
		known = append(known, corev1.ConditionFalse, corev1.ConditionUnknown)
	}
	return oneOf(condition.Status, at.Child("status"), known...)
}

func validateIssued(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	at := field.NewPath("status", "certificate")
	issued, before := r.Status.Certificate, old.Status.Certificate
	if bytes.Equal(issued, before) {
		return nil
	}
	if len(before) > 0 {
		return field.ErrorList{field.Forbidden(at, "updates may not modify existing certificate content")}
	}
	if err := checkCertificates(issued); err != nil {
		return field.ErrorList{field.Invalid(at, "<certificate data>", err.Error())}
	}
	return nil
}

// checkCertificates wants PEM blocks of certificates, one at least, and nothing else.
func checkCertificates(text []byte) error {
	for first := true; ; first = false {
		block, rest := pem.Decode(text)
		switch {
		case block == nil && first:
			return errors.New("must contain at least one CERTIFICATE PEM block")
		case block == nil:
			return nil
		case block.Type != "CERTIFICATE":
			return fmt.Errorf("only CERTIFICATE PEM blocks are allowed, found %q", block.Type)
		case len(block.Headers) != 0:
			return errors.New("no PEM block headers are permitted")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return err
		}
		text = rest
	}
}
