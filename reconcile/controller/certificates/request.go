package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	nodesGroup         = "system:nodes"
	nodePrefix         = "system:node:"
	bootstrappersGroup = "system:bootstrappers"
	bootstrapPrefix    = "system:bootstrap:"
)

// parse reads the request itself, which was validated when it came.
func parse(r *certificatesv1.CertificateSigningRequest) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(r.Spec.Request)
	if block == nil {
		return nil, errors.New("spec.request is no PEM block")
	}
	return x509.ParseCertificateRequest(block.Bytes)
}

// checkNode holds a request to what kube-apiserver-client-kubelet signs, and returns the node's name.
func checkNode(asked *x509.CertificateRequest, usages []certificatesv1.KeyUsage) (string, error) {
	if !slices.Equal(asked.Subject.Organization, []string{nodesGroup}) {
		return "", fmt.Errorf("the organization must be exactly %q", nodesGroup)
	}
	name, ok := strings.CutPrefix(asked.Subject.CommonName, nodePrefix)
	if !ok {
		return "", fmt.Errorf("the common name must begin with %q", nodePrefix)
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return "", fmt.Errorf("node name %q: %s", name, problems[0])
	}
	if len(asked.DNSNames)+len(asked.EmailAddresses)+len(asked.IPAddresses)+len(asked.URIs) > 0 {
		return "", errors.New("alternative names are not allowed")
	}
	return name, checkUsages(usages)
}

// checkUsages wants a client's certificate, and nothing that could serve.
func checkUsages(usages []certificatesv1.KeyUsage) error {
	if !slices.Contains(usages, certificatesv1.UsageClientAuth) {
		return errors.New(`usages must have "client auth"`)
	}
	for _, usage := range usages {
		switch usage {
		case certificatesv1.UsageClientAuth, certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment:
		default:
			return fmt.Errorf("usage %q is not allowed", usage)
		}
	}
	return nil
}

// fromBootstrap is whether a machine asks that has no more than a bootstrap token.
func fromBootstrap(r *certificatesv1.CertificateSigningRequest) bool {
	return strings.HasPrefix(r.Spec.Username, bootstrapPrefix) && slices.Contains(r.Spec.Groups, bootstrappersGroup)
}

// fromNode is whether a node asks.
func fromNode(r *certificatesv1.CertificateSigningRequest) bool {
	return strings.HasPrefix(r.Spec.Username, nodePrefix) && slices.Contains(r.Spec.Groups, nodesGroup)
}

// condition of the type, nil if there is none.
func condition(r *certificatesv1.CertificateSigningRequest, kind certificatesv1.RequestConditionType) *certificatesv1.CertificateSigningRequestCondition {
	for i := range r.Status.Conditions {
		if r.Status.Conditions[i].Type == kind {
			return &r.Status.Conditions[i]
		}
	}
	return nil
}
