package certificates

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
)

// Plan is what to do with a request. The zero value is nothing.
type Plan struct {
	// Verdict is a condition to add: Approved, Denied or Failed; "" is none.
	Verdict         certificatesv1.RequestConditionType
	Reason, Message string
	// Sign has the certificate made, good until then.
	Sign     bool
	NotAfter time.Time
	Delete   bool
	// After is when to look again if nothing happens; 0 is not at all.
	After time.Duration
}

// Observed is what is known when a request is judged.
type Observed struct {
	// Node of the name that is asked for; nil if there is none, or no node is asked for.
	Node *corev1.Node
	// Heard is when its Lease was last seen renewed, by this process's clock; zero if not yet.
	Heard time.Time
	// Since is when this process began to listen.
	Since time.Time
	// Given are the keys (as PublicKey has them) that were certified for that name, with the time.
	Given []Given
}

// Given is a certificate of a node's name that was approved before.
type Given struct {
	Key []byte
	At  time.Time
}

// Rules are the periods of PlanRequest.
type Rules struct {
	// Grace is how long a node may be silent and still be live.
	Grace time.Duration
	// Lifetime of certificates, unless a shorter one is asked for.
	Lifetime time.Duration
}

// How long requests are kept: upstream's periods.
const (
	keepDecided = time.Hour
	keepPending = 24 * time.Hour
)

// PlanRequest decides on one request.
func PlanRequest(r *certificatesv1.CertificateSigningRequest, seen Observed, now time.Time, rules Rules) Plan {
	if r.DeletionTimestamp != nil {
		return Plan{}
	}
	approved := condition(r, certificatesv1.CertificateApproved)
	finished := condition(r, certificatesv1.CertificateDenied)
	if failed := condition(r, certificatesv1.CertificateFailed); failed != nil {
		finished = failed
	}
	switch {
	case finished != nil:
		return keep(finished.LastUpdateTime.Time, keepDecided, now)
	case len(r.Status.Certificate) > 0 && approved != nil:
		if expired(r.Status.Certificate, now) {
			return Plan{Delete: true}
		}
		return keep(approved.LastUpdateTime.Time, keepDecided, now)
	case approved != nil:
		return planSigning(r, now, rules)
	}
	plan := planApproval(r, seen, now, rules)
	if plan.Verdict == "" {
		old := keep(r.CreationTimestamp.Time, keepPending, now)
		if old.Delete || plan.After == 0 {
			return old
		}
	}
	return plan
}

// keep deletes what has been there for the period, and otherwise waits for that.
func keep(since time.Time, period time.Duration, now time.Time) Plan {
	if since.IsZero() {
		return Plan{}
	}
	if left := since.Add(period).Sub(now); left > 0 {
		return Plan{After: left}
	}
	return Plan{Delete: true}
}

func expired(certificate []byte, now time.Time) bool {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return false
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	return err == nil && now.After(parsed.NotAfter)
}

// planSigning signs for our two signers what they sign.
func planSigning(r *certificatesv1.CertificateSigningRequest, now time.Time, rules Rules) Plan {
	asked, err := parse(r)
	switch {
	case err != nil:
	case r.Spec.SignerName == certificatesv1.KubeAPIServerClientKubeletSignerName:
		_, err = checkNode(asked, r.Spec.Usages)
	case r.Spec.SignerName == certificatesv1.KubeAPIServerClientSignerName:
		err = checkUsages(r.Spec.Usages)
	default:
		return Plan{} // another's
	}
	if err != nil {
		return Plan{Verdict: certificatesv1.CertificateFailed, Reason: "SignerValidationFailure", Message: err.Error()}
	}
	lifetime := rules.Lifetime
	if seconds := r.Spec.ExpirationSeconds; seconds != nil {
		lifetime = min(lifetime, time.Duration(*seconds)*time.Second)
	}
	return Plan{Sign: true, NotAfter: now.Add(lifetime)}
}

// planApproval decides on requests of machines; all others wait for a person.
func planApproval(r *certificatesv1.CertificateSigningRequest, seen Observed, now time.Time, rules Rules) Plan {
	joins, renews := fromBootstrap(r), fromNode(r)
	if r.Spec.SignerName != certificatesv1.KubeAPIServerClientKubeletSignerName || !joins && !renews {
		return Plan{}
	}
	asked, err := parse(r)
	name := ""
	if err == nil {
		name, err = checkNode(asked, r.Spec.Usages)
	}
	switch {
	case err != nil:
		return deny("InvalidRequest", "the request is not one for a node's certificate: "+err.Error())
	case renews && asked.Subject.CommonName != r.Spec.Username:
		return deny("NotItself", fmt.Sprintf("node %q may renew its own certificate only, not have one of node %q", r.Spec.Username[len(nodePrefix):], name))
	case renews:
		return approve("Auto approving the certificate of a node that renews its own.")
	}
	return planJoin(name, PublicKey(asked), seen, now, rules)
}

// planJoin approves a machine that joins unless a live node has its name: a machine that was replaced is silent, or deleted.
func planJoin(name string, key []byte, seen Observed, now time.Time, rules Rules) Plan {
	const ok = "Auto approving the certificate of a machine that has a bootstrap token."
	var recent time.Time
	for _, given := range seen.Given {
		if bytes.Equal(given.Key, key) {
			return approve(ok)
		}
		if now.Sub(given.At) < rules.Grace && given.At.After(recent) {
			recent = given.At
		}
	}
	const advice = "Give this machine another name with --node-name; or, where it replaces the other, stop coracle there, wait %s, and join again"
	switch {
	case seen.Node != nil && !seen.Heard.IsZero() && now.Sub(seen.Heard) < rules.Grace:
		return deny("NodeNameTaken", fmt.Sprintf("the node name %q is taken by another machine, which is live: it was heard %s ago. "+advice,
			name, now.Sub(seen.Heard).Round(time.Second), rules.Grace))
	case !recent.IsZero():
		return deny("NodeNameTaken", fmt.Sprintf("the node name %q is taken by another machine, which joined %s ago. "+advice,
			name, now.Sub(recent).Round(time.Second), rules.Grace))
	case seen.Node != nil && seen.Heard.IsZero() && now.Sub(seen.Since) < rules.Grace:
		return Plan{After: seen.Since.Add(rules.Grace).Sub(now)} // a restart has not heard anybody yet
	}
	return approve(ok)
}

func approve(message string) Plan {
	return Plan{Verdict: certificatesv1.CertificateApproved, Reason: "AutoApproved", Message: message}
}

func deny(reason, message string) Plan {
	return Plan{Verdict: certificatesv1.CertificateDenied, Reason: reason, Message: message}
}

// PublicKey tells keys apart.
func PublicKey(asked *x509.CertificateRequest) []byte { return asked.RawSubjectPublicKeyInfo }
