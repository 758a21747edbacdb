package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/controllertest"
)

type fixture struct {
	api   *controllertest.API
	clock *clocktesting.FakeClock
}

func run(t *testing.T) fixture {
	t.Helper()
	clock := clocktesting.NewFakeClock(epoch)
	f := fixture{controllertest.New(t, clock), clock}
	controllertest.Run(t, f.api, clock, func(options controller.Options) controllertest.Runner {
		return New(Options{Options: options, Authority: newAuthority(t), GracePeriod: 40 * time.Second})
	})
	return f
}

func (f fixture) ask(t *testing.T, name string) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	request := requested(t, newKey(t), nil)
	request.Name = name
	created, err := f.api.Client.CertificatesV1().CertificateSigningRequests().Create(t.Context(), request, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// answer is the request once it has a verdict and, if approved, its certificate.
func (f fixture) answer(t *testing.T, name string) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	var answered *certificatesv1.CertificateSigningRequest
	controllertest.Eventually(t, func() (bool, string) {
		var err error
		answered, err = f.api.Client.CertificatesV1().CertificateSigningRequests().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		approved := condition(answered, certificatesv1.CertificateApproved) != nil && len(answered.Status.Certificate) > 0
		return approved || condition(answered, certificatesv1.CertificateDenied) != nil, "no answer"
	})
	return answered
}

func TestAMachineJoins(t *testing.T) {
	f := run(t)
	f.ask(t, "csr-1")
	answered := f.answer(t, "csr-1")
	block, _ := pem.Decode(answered.Status.Certificate)
	if block == nil {
		t.Fatalf("no certificate: %+v", answered.Status)
	}
	made, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if made.Subject.CommonName != "system:node:raspi002" || !made.NotAfter.Equal(epoch.Add(DefaultLifetime)) {
		t.Errorf("subject %s, until %s", made.Subject, made.NotAfter)
	}
}

func TestTwoMachinesOfOneName(t *testing.T) {
	f := run(t)
	f.ask(t, "csr-1")
	f.answer(t, "csr-1")
	f.ask(t, "csr-2")
	if denied := condition(f.answer(t, "csr-2"), certificatesv1.CertificateDenied); denied == nil || denied.Reason != "NodeNameTaken" {
		t.Errorf("a second machine: %+v", denied)
	}
}

func TestALiveNodeKeepsItsName(t *testing.T) {
	f := run(t)
	f.clock.Step(time.Minute)
	if _, err := f.api.Client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "raspi002"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	renewed := metav1.NewMicroTime(epoch)
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-node-lease", Name: "raspi002"}, Spec: coordinationv1.LeaseSpec{RenewTime: &renewed}}
	if _, err := f.api.Client.CoordinationV1().Leases("kube-node-lease").Create(t.Context(), lease, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	// Until the controller has heard of both, it takes the name for free.
	attempt := 0
	controllertest.Eventually(t, func() (bool, string) {
		attempt++
		name := fmt.Sprintf("csr-%d", attempt)
		f.ask(t, name)
		denied := condition(f.answer(t, name), certificatesv1.CertificateDenied)
		return denied != nil && strings.Contains(denied.Message, "which is live"), "the name of a live node was given away"
	})
}

func TestOldRequestsGo(t *testing.T) {
	f := run(t)
	f.ask(t, "csr-1")
	f.answer(t, "csr-1")
	controllertest.Eventually(t, func() (bool, string) {
		f.clock.Step(time.Hour)
		list, err := f.api.Client.CertificatesV1().CertificateSigningRequests().List(t.Context(), metav1.ListOptions{})
		return err == nil && len(list.Items) == 0, "a request is still there"
	})
}
