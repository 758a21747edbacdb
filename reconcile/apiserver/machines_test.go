package apiserver

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

const tokenSecret = "0123456789abcdef"

// authority is a place on the shared server, which lets machines in, and a token for them.
type authority struct {
	space
	token string
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	f := authority{space: newSpace(t)}
	f.token = f.newToken(t, time.Hour)
	return f
}

// newToken makes a bootstrap token that expires after the time.
func (f authority) newToken(t *testing.T, after time.Duration) (id string) {
	t.Helper()
	id = rand.String(6)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-" + id, Namespace: "kube-system"}, Type: "bootstrap.kubernetes.io/token",
		StringData: map[string]string{
			"token-id": id, "token-secret": tokenSecret, "usage-bootstrap-authentication": "true",
			"expiration": time.Now().Add(after).UTC().Format(time.RFC3339),
		},
	}
	if _, err := f.Client().CoreV1().Secrets("kube-system").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return id
}

// as is a client over the network, with the credentials that set gives.
func (f authority) as(t *testing.T, set func(*rest.Config)) kubernetes.Interface {
	t.Helper()
	config := &rest.Config{Host: "https://" + f.options.Listener.Addr().String(), QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAData: f.CA()}}
	set(config)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (f authority) bearer(t *testing.T, token string) kubernetes.Interface {
	return f.as(t, func(c *rest.Config) { c.BearerToken = token })
}

// ask makes a request for a certificate with a new key.
func ask(t *testing.T, client kubernetes.Interface, name, signer, user, group string) (crypto.Signer, error) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := cert.MakeCSR(key, &pkix.Name{CommonName: user, Organization: []string{group}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CertificatesV1().CertificateSigningRequests().Create(t.Context(), &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: request, SignerName: signer, Usages: []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth}, Username: "system:node:forged", Groups: []string{"system:nodes"},
		},
	}, metav1.CreateOptions{})
	return key, err
}

// answer waits for a certificate, or for its refusal.
func answer(t *testing.T, client kubernetes.Interface, name string) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	var request *certificatesv1.CertificateSigningRequest
	eventually(t, "request "+name+" is answered", func() bool {
		var err error
		request, err = client.CertificatesV1().CertificateSigningRequests().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return len(request.Status.Certificate) > 0 || verdict(request) == certificatesv1.CertificateDenied
	})
	return request
}

func verdict(request *certificatesv1.CertificateSigningRequest) certificatesv1.RequestConditionType {
	for _, condition := range request.Status.Conditions {
		return condition.Type
	}
	return ""
}

func (f authority) holder(t *testing.T, request *certificatesv1.CertificateSigningRequest, key crypto.Signer) kubernetes.Interface {
	t.Helper()
	encoded, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	return f.as(t, func(c *rest.Config) { c.CertData, c.KeyData = request.Status.Certificate, encoded })
}

// join brings a node in by the token, as its agent does.
func (f authority) join(t *testing.T, node string) kubernetes.Interface {
	t.Helper()
	machine := f.bearer(t, f.token+"."+tokenSecret)
	key, err := ask(t, machine, "join-"+node, certificatesv1.KubeAPIServerClientKubeletSignerName, "system:node:"+node, "system:nodes")
	if err != nil {
		t.Fatal(err)
	}
	request := answer(t, machine, "join-"+node)
	if len(request.Status.Certificate) == 0 {
		t.Fatalf("refused: %+v", request.Status)
	}
	if request.Spec.Username != "system:bootstrap:"+f.token {
		t.Errorf("the request is of %q", request.Spec.Username)
	}
	return f.holder(t, request, key)
}

func TestTheServerShowsItsAuthority(t *testing.T) {
	server := newSpace(t)
	conn, err := tls.Dial("tcp", server.options.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	chain := conn.ConnectionState().PeerCertificates
	ca, _ := pem.Decode(server.CA())
	if len(chain) != 2 || !bytes.Equal(chain[1].Raw, ca.Bytes) || chain[0].CheckSignatureFrom(chain[1]) != nil {
		t.Errorf("a chain of %d certificates", len(chain))
	}
}

func TestTokensThatLetNobodyIn(t *testing.T) {
	f := newAuthority(t)
	old := f.newToken(t, -time.Minute)
	for token, want := range map[string]string{
		old + "." + tokenSecret:           "the bootstrap token " + old + " expired at ",
		old + ".0123456789abcdeg":         "Unauthorized",
		f.token + ".0123456789abcdeg":     "Unauthorized",
		"xyz999." + tokenSecret:           "Unauthorized",
		f.token + "." + tokenSecret + "x": "Unauthorized",
	} {
		_, err := ask(t, f.bearer(t, token), f.named("refused"), certificatesv1.KubeAPIServerClientKubeletSignerName, "system:node:n", "system:nodes")
		if !apierrors.IsUnauthorized(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", token, err, want)
		}
	}
}

func TestANodeDoesWhatIsItsOwn(t *testing.T) {
	f := newAuthority(t)
	raspi002, raspi003 := f.named("raspi002"), f.named("raspi003")
	node, ctx := f.join(t, raspi002), t.Context()
	bind := func(name, on, secret string) *corev1.Pod {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: f.namespace}, Spec: corev1.PodSpec{
			NodeName: on, Containers: []corev1.Container{{Name: "c", Image: "i"}}, ImagePullSecrets: []corev1.LocalObjectReference{{Name: secret}},
		}}
		made, err := f.Client().CoreV1().Pods(f.namespace).Create(ctx, pod, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Client().CoreV1().Secrets(f.namespace).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: secret}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		return made
	}
	mine, other := bind("mine", raspi002, "ours"), bind("other", raspi003, "theirs")
	own := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: raspi002, Labels: map[string]string{"type": "AWS", "kubernetes.io/hostname": raspi002}}}
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: raspi002}}
	stranger, guarded, tainted := own.DeepCopy(), own.DeepCopy(), own.DeepCopy()
	stranger.Name, guarded.Labels["node-role.kubernetes.io/control-plane"] = raspi003, ""
	tainted.Spec.Taints = []corev1.Taint{{Key: "x", Effect: corev1.TaintEffectNoSchedule}}
	adopted := func(on string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "ran", Annotations: map[string]string{"coracle.dev/uid": "1"}},
			Spec: corev1.PodSpec{NodeName: on, Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
	}
	core := node.CoreV1()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	forbidden := func(what, why string, err error) {
		t.Helper()
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: error %v, want forbidden: %q", what, err, why)
		}
	}
	pods := func(selector string) error {
		_, err := core.Pods("").List(ctx, metav1.ListOptions{FieldSelector: selector})
		return err
	}
	single := func(name string) error {
		_, err := core.Secrets(f.namespace).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		return err
	}

	_, err := core.Nodes().Create(ctx, stranger, metav1.CreateOptions{})
	forbidden("make another's Node", fmt.Sprintf("node %q is not allowed to modify node %q", raspi002, raspi003), err)
	_, err = core.Nodes().Create(ctx, guarded, metav1.CreateOptions{})
	forbidden("give itself a role", "is not allowed to set labels: node-role.kubernetes.io/control-plane", err)
	made, err := core.Nodes().Create(ctx, own, metav1.CreateOptions{})
	must("make its Node", err)
	made.Status.NodeInfo.KernelVersion = "6.1"
	made, err = core.Nodes().UpdateStatus(ctx, made, metav1.UpdateOptions{})
	must("report its Node", err)
	made.Spec.Taints = tainted.Spec.Taints
	_, err = core.Nodes().Update(ctx, made, metav1.UpdateOptions{})
	forbidden("taint its Node", "is not allowed to modify taints", err)
	_, err = core.Nodes().Get(ctx, raspi003, metav1.GetOptions{})
	forbidden("read another's Node", "its own Node only", err)
	_, err = node.CoordinationV1().Leases("kube-node-lease").Create(ctx, lease, metav1.CreateOptions{})
	must("make its Lease", err)
	lease.Name = raspi003
	_, err = node.CoordinationV1().Leases("kube-node-lease").Create(ctx, lease, metav1.CreateOptions{})
	forbidden("make another's Lease", "with its own name", err)

	must("list its Pods", pods("spec.nodeName="+raspi002))
	forbidden("list all Pods", "spec.nodeName="+raspi002, pods(""))
	forbidden("list another's Pods", "spec.nodeName="+raspi002, pods("spec.nodeName="+raspi003))
	mine.Status.Phase = corev1.PodRunning
	_, err = core.Pods(f.namespace).UpdateStatus(ctx, mine, metav1.UpdateOptions{})
	must("report its Pod", err)
	_, err = core.Pods(f.namespace).UpdateStatus(ctx, other, metav1.UpdateOptions{})
	forbidden("report another's Pod", "not bound", err)
	_, err = core.Pods(f.namespace).Update(ctx, mine, metav1.UpdateOptions{})
	forbidden("change its Pod", "may not update pods", err)
	_, err = core.Pods(f.namespace).Get(ctx, "gone", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("ask for a Pod that is gone: %v", err)
	}
	_, err = core.Pods(f.namespace).Create(ctx, adopted(raspi003), metav1.CreateOptions{})
	forbidden("make a Pod elsewhere", "spec.nodeName set to itself", err)
	_, err = core.Pods(f.namespace).Create(ctx, adopted(raspi002), metav1.CreateOptions{})
	must("make a Pod that it has been running", err)
	must("delete its Pod", core.Pods(f.namespace).Delete(ctx, "mine", metav1.DeleteOptions{}))
	forbidden("delete another's Pod", "not bound", core.Pods(f.namespace).Delete(ctx, "other", metav1.DeleteOptions{}))

	must("watch a Secret of its Pod", single("ours"))
	forbidden("read a Secret of another's Pod", "no relationship found", single("theirs"))
	_, err = core.Secrets(f.namespace).List(ctx, metav1.ListOptions{})
	forbidden("list Secrets", "only single objects", err)
	_, err = core.Secrets("kube-system").Get(ctx, "bootstrap-token-"+f.token, metav1.GetOptions{})
	forbidden("read a token", "no relationship found", err)
	_, err = core.Services("").List(ctx, metav1.ListOptions{})
	must("list Services", err)
	_, err = core.Events(f.namespace).Create(ctx, &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e"}, InvolvedObject: corev1.ObjectReference{Namespace: f.namespace, Name: "mine", Kind: "Pod"}}, metav1.CreateOptions{})
	must("report an event", err)

	const kubelet, client = certificatesv1.KubeAPIServerClientKubeletSignerName, certificatesv1.KubeAPIServerClientSignerName
	key, err := ask(t, node, f.named("renewal"), kubelet, "system:node:"+raspi002, "system:nodes")
	must("renew", err)
	_, err = f.holder(t, answer(t, node, f.named("renewal")), key).CoreV1().Nodes().Get(ctx, raspi002, metav1.GetOptions{})
	must("use what was renewed", err)
	_, err = ask(t, node, f.named("user"), client, "ada", "admins")
	forbidden("ask for a user's certificate", "can only request certificates of", err)
	_, err = ask(t, node, f.named("other"), kubelet, "system:node:"+raspi003, "system:nodes")
	must("ask for another's certificate", err)
	if got := verdict(answer(t, node, f.named("other"))); got != certificatesv1.CertificateDenied {
		t.Errorf("another's certificate: %s", got)
	}
}

func TestANameIsGivenOnce(t *testing.T) {
	f := newAuthority(t)
	raspi002 := f.named("raspi002")
	f.join(t, raspi002)
	machine := f.bearer(t, f.token+"."+tokenSecret)
	if _, err := ask(t, machine, f.named("again"), certificatesv1.KubeAPIServerClientKubeletSignerName, "system:node:"+raspi002, "system:nodes"); err != nil {
		t.Fatal(err)
	}
	refused := answer(t, machine, f.named("again"))
	if verdict(refused) != certificatesv1.CertificateDenied || !strings.Contains(refused.Status.Conditions[0].Message, fmt.Sprintf("the node name %q is taken by another machine", raspi002)) {
		t.Errorf("%+v", refused.Status)
	}
}

func TestUsersComeInOnceAPersonApproves(t *testing.T) {
	f := newAuthority(t)
	requests := f.Client().CertificatesV1().CertificateSigningRequests()
	_, err := ask(t, f.Client(), f.named("boss"), certificatesv1.KubeAPIServerClientSignerName, "boss", "system:masters")
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "system:masters group is not allowed") {
		t.Errorf("a request for all rights: %v", err)
	}
	key, err := ask(t, f.Client(), f.named("ada"), certificatesv1.KubeAPIServerClientSignerName, "ada", "admins")
	if err != nil {
		t.Fatal(err)
	}
	request, err := requests.Get(t.Context(), f.named("ada"), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	request.Status.Certificate = f.CA()
	request.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "ByHand"}}
	updated, err := requests.UpdateApproval(t.Context(), f.named("ada"), request, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(updated.Status.Certificate) > 0 || updated.Status.Conditions[0].LastUpdateTime.IsZero() {
		t.Errorf("approval wrote %+v", updated.Status)
	}
	ada := f.holder(t, answer(t, f.Client(), f.named("ada")), key)
	_, err = ada.CoreV1().Secrets(f.namespace).List(t.Context(), metav1.ListOptions{})
	if want := fmt.Sprintf("User %q cannot list resource", "ada"); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}
