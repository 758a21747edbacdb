package certificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var (
	epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rules = Rules{Grace: 40 * time.Second, Lifetime: DefaultLifetime}
)

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// requested is a node's request, by a bootstrap token, edited.
func requested(t *testing.T, key *ecdsa.PrivateKey, edit func(*x509.CertificateRequest)) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "system:node:raspi002", Organization: []string{"system:nodes"}}}
	if edit != nil {
		edit(template)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "csr-1", CreationTimestamp: metav1.NewTime(epoch)},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), SignerName: certificatesv1.KubeAPIServerClientKubeletSignerName,
			Usages:   []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
			Username: "system:bootstrap:abc123", Groups: []string{"system:bootstrappers", "system:authenticated"},
		},
	}
}

func by(r *certificatesv1.CertificateSigningRequest, user string, groups ...string) *certificatesv1.CertificateSigningRequest {
	r.Spec.Username, r.Spec.Groups = user, groups
	return r
}

func decided(r *certificatesv1.CertificateSigningRequest, verdict certificatesv1.RequestConditionType, at time.Time) *certificatesv1.CertificateSigningRequest {
	r.Status.Conditions = append(r.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: verdict, Status: corev1.ConditionTrue, LastUpdateTime: metav1.NewTime(at),
	})
	return r
}

func TestApproval(t *testing.T) {
	key := newKey(t)
	plain := func() *certificatesv1.CertificateSigningRequest { return requested(t, key, nil) }
	usages := func(usages ...certificatesv1.KeyUsage) *certificatesv1.CertificateSigningRequest {
		r := plain()
		r.Spec.Usages = usages
		return r
	}
	other := plain()
	other.Spec.SignerName = certificatesv1.KubeAPIServerClientSignerName
	for name, c := range map[string]struct {
		request *certificatesv1.CertificateSigningRequest
		verdict certificatesv1.RequestConditionType
		message string
	}{
		"joins":                   {plain(), "Approved", "has a bootstrap token"},
		"renews":                  {by(plain(), "system:node:raspi002", "system:nodes"), "Approved", "renews its own"},
		"asks for another's":      {by(plain(), "system:node:raspi003", "system:nodes"), "Denied", `node "raspi003" may renew its own certificate only, not have one of node "raspi002"`},
		"a node in name only":     {by(plain(), "system:node:raspi002"), "", ""},
		"a bootstrapper by group": {by(plain(), "ada", "system:bootstrappers"), "", ""},
		"a bootstrapper by name":  {by(plain(), "system:bootstrap:abc123"), "", ""},
		"an administrator":        {by(plain(), "coracle-admin", "system:masters"), "", ""},
		"of a user":               {other, "", ""},
		"of masters":              {requested(t, key, func(r *x509.CertificateRequest) { r.Subject.Organization = []string{"system:masters"} }), "Denied", `must be exactly "system:nodes"`},
		"of masters too":          {requested(t, key, func(r *x509.CertificateRequest) { r.Subject.Organization = []string{"system:nodes", "system:masters"} }), "Denied", `must be exactly "system:nodes"`},
		"of no node":              {requested(t, key, func(r *x509.CertificateRequest) { r.Subject.CommonName = "admin" }), "Denied", `must begin with "system:node:"`},
		"of no name":              {requested(t, key, func(r *x509.CertificateRequest) { r.Subject.CommonName = "system:node:" }), "Denied", `node name ""`},
		"of a wrong name":         {requested(t, key, func(r *x509.CertificateRequest) { r.Subject.CommonName = "system:node:Raspi_2" }), "Denied", `node name "Raspi_2"`},
		"with an address":         {requested(t, key, func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }), "Denied", "alternative names"},
		"to serve":                {usages(certificatesv1.UsageClientAuth, certificatesv1.UsageServerAuth), "Denied", `usage "server auth" is not allowed`},
		"to sign":                 {usages(certificatesv1.UsageDigitalSignature), "Denied", `must have "client auth"`},
	} {
		t.Run(name, func(t *testing.T) {
			plan := PlanRequest(c.request, Observed{Since: epoch}, epoch.Add(time.Minute), rules)
			if plan.Verdict != c.verdict || !strings.Contains(plan.Message, c.message) || plan.Sign || plan.Delete {
				t.Errorf("%+v", plan)
			}
			if c.verdict == "" && plan.After != keepPending-time.Minute {
				t.Errorf("looks again after %s", plan.After)
			}
		})
	}
}

func TestTakenNames(t *testing.T) {
	mine, others := newKey(t), newKey(t)
	ofOthers, err := parse(requested(t, others, nil))
	if err != nil {
		t.Fatal(err)
	}
	ofMine, err := parse(requested(t, mine, nil))
	if err != nil {
		t.Fatal(err)
	}
	there := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "raspi002"}}
	now := epoch.Add(time.Hour)
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	for name, c := range map[string]struct {
		seen    Observed
		verdict certificatesv1.RequestConditionType
		message string
		after   time.Duration
	}{
		"new":                          {seen: Observed{Since: epoch}, verdict: "Approved"},
		"live":                         {seen: Observed{Since: epoch, Node: there, Heard: ago(3)}, verdict: "Denied", message: `the node name "raspi002" is taken by another machine, which is live: it was heard 3s ago. Give this machine another name with --node-name`},
		"almost silent":                {seen: Observed{Since: epoch, Node: there, Heard: ago(39)}, verdict: "Denied", message: "39s ago"},
		"silent":                       {seen: Observed{Since: epoch, Node: there, Heard: ago(40)}, verdict: "Approved"},
		"deleted":                      {seen: Observed{Since: epoch, Heard: ago(3)}, verdict: "Approved"},
		"never heard":                  {seen: Observed{Since: epoch, Node: there}, verdict: "Approved"},
		"not heard since the start":    {seen: Observed{Since: ago(10), Node: there}, after: 30 * time.Second},
		"joined a moment ago":          {seen: Observed{Since: epoch, Given: []Given{{PublicKey(ofOthers), ago(5)}}}, verdict: "Denied", message: "which joined 5s ago"},
		"joined long ago":              {seen: Observed{Since: epoch, Given: []Given{{PublicKey(ofOthers), ago(40)}}}, verdict: "Approved"},
		"the same machine":             {seen: Observed{Since: epoch, Node: there, Heard: ago(3), Given: []Given{{PublicKey(ofMine), ago(300)}}}, verdict: "Approved"},
		"the same after others":        {seen: Observed{Since: epoch, Given: []Given{{PublicKey(ofOthers), ago(5)}, {PublicKey(ofMine), ago(30)}}}, verdict: "Approved"},
		"live, and joined as others":   {seen: Observed{Since: epoch, Node: there, Heard: ago(3), Given: []Given{{PublicKey(ofOthers), ago(300)}}}, verdict: "Denied", message: "which is live"},
		"deleted, and others then did": {seen: Observed{Since: epoch, Given: []Given{{PublicKey(ofOthers), ago(300)}}}, verdict: "Approved"},
	} {
		t.Run(name, func(t *testing.T) {
			plan := PlanRequest(requested(t, mine, nil), c.seen, now, rules)
			if plan.Verdict != c.verdict || !strings.Contains(plan.Message, c.message) || c.verdict == "" && plan.After != c.after {
				t.Errorf("%+v", plan)
			}
		})
	}
}

func TestSigning(t *testing.T) {
	key, now := newKey(t), epoch.Add(time.Minute)
	approved := func(signer string, seconds *int32, edit func(*x509.CertificateRequest)) *certificatesv1.CertificateSigningRequest {
		r := decided(requested(t, key, edit), certificatesv1.CertificateApproved, epoch)
		r.Spec.SignerName, r.Spec.ExpirationSeconds = signer, seconds
		return by(r, "ada")
	}
	user := func(r *x509.CertificateRequest) {
		r.Subject = pkix.Name{CommonName: "ada", Organization: []string{"viewers"}}
	}
	for name, c := range map[string]struct {
		request  *certificatesv1.CertificateSigningRequest
		lifetime time.Duration
		failure  string
	}{
		"a node":               {approved(certificatesv1.KubeAPIServerClientKubeletSignerName, nil, nil), DefaultLifetime, ""},
		"a user for a day":     {approved(certificatesv1.KubeAPIServerClientSignerName, ptr.To[int32](86400), user), 24 * time.Hour, ""},
		"a user for ten years": {approved(certificatesv1.KubeAPIServerClientSignerName, ptr.To[int32](315360000), user), DefaultLifetime, ""},
		"a user as a node":     {approved(certificatesv1.KubeAPIServerClientKubeletSignerName, nil, user), 0, `must be exactly "system:nodes"`},
		"another's signer":     {approved("example.org/x", nil, user), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			plan := PlanRequest(c.request, Observed{}, now, rules)
			switch {
			case c.lifetime > 0 && (!plan.Sign || !plan.NotAfter.Equal(now.Add(c.lifetime))):
				t.Errorf("%+v", plan)
			case c.lifetime == 0 && plan.Sign, c.failure != "" && plan.Verdict != certificatesv1.CertificateFailed, !strings.Contains(plan.Message, c.failure):
				t.Errorf("%+v", plan)
			}
		})
	}
}

func TestCleaning(t *testing.T) {
	key := newKey(t)
	authority := newAuthority(t)
	issued := func(notAfter time.Time) *certificatesv1.CertificateSigningRequest {
		r := decided(requested(t, key, nil), certificatesv1.CertificateApproved, epoch)
		certificate, err := authority.sign(r, epoch, notAfter)
		if err != nil {
			t.Fatal(err)
		}
		r.Status.Certificate = certificate
		return r
	}
	pending := by(requested(t, key, nil), "ada")
	going := issued(epoch.Add(time.Hour))
	going.DeletionTimestamp = &metav1.Time{Time: epoch}
	for name, c := range map[string]struct {
		request *certificatesv1.CertificateSigningRequest
		at      time.Duration
		delete  bool
		after   time.Duration
	}{
		"issued":            {issued(epoch.Add(48 * time.Hour)), 59 * time.Minute, false, time.Minute},
		"issued an hour":    {issued(epoch.Add(48 * time.Hour)), time.Hour, true, 0},
		"issued, expired":   {issued(epoch.Add(10 * time.Minute)), 11 * time.Minute, true, 0},
		"denied":            {decided(requested(t, key, nil), certificatesv1.CertificateDenied, epoch), 30 * time.Minute, false, 30 * time.Minute},
		"denied an hour":    {decided(requested(t, key, nil), certificatesv1.CertificateDenied, epoch), time.Hour, true, 0},
		"failed an hour":    {decided(decided(requested(t, key, nil), certificatesv1.CertificateApproved, epoch), certificatesv1.CertificateFailed, epoch), time.Hour, true, 0},
		"pending":           {pending, 23 * time.Hour, false, time.Hour},
		"pending for a day": {pending, 24 * time.Hour, true, 0},
		"going":             {going, 48 * time.Hour, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			plan := PlanRequest(c.request, Observed{}, epoch.Add(c.at), rules)
			if plan.Delete != c.delete || plan.After != c.after || plan.Sign || plan.Verdict != "" {
				t.Errorf("%+v", plan)
			}
		})
	}
}

func newAuthority(t *testing.T) Authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "coracle"}, NotBefore: epoch.Add(-time.Hour), NotAfter: epoch.Add(5 * 365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return Authority{Certificate: certificate, Key: key}
}

func TestCertificates(t *testing.T) {
	authority, key := newAuthority(t), newKey(t)
	for name, c := range map[string]struct{ asked, want time.Time }{
		"as asked":                {epoch.Add(time.Hour), epoch.Add(time.Hour)},
		"outliving the authority": {epoch.Add(10 * 365 * 24 * time.Hour), authority.Certificate.NotAfter},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := authority.sign(requested(t, key, nil), epoch, c.asked)
			if err != nil {
				t.Fatal(err)
			}
			block, _ := pem.Decode(text)
			made, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			roots.AddCert(authority.Certificate)
			// A machine an hour behind can use it at once.
			if _, err := made.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: epoch.Add(-time.Hour), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
				t.Error(err)
			}
			if _, err := made.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: epoch, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
				t.Error("it can serve")
			}
			if made.IsCA || made.Subject.CommonName != "system:node:raspi002" || !made.NotAfter.Equal(c.want) || !key.PublicKey.Equal(made.PublicKey) {
				t.Errorf("CA %v, subject %s, until %s", made.IsCA, made.Subject, made.NotAfter)
			}
		})
	}
}
