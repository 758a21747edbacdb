package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/utils/ptr"
)

// userLabel is on the bindings that `coracle user add` makes.
const userLabel = "coracle.dev/user-binding"

// certify has a new key certified for the user, and returns the kubeconfig with both. The key never leaves it.
func (r *remote) certify(ctx context.Context, name string, groups []string, ttl time.Duration) (kubeconfig []byte, expires time.Time, err error) {
	ca, err := r.authority()
	if err != nil {
		return nil, expires, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, expires, fmt.Errorf("make a key: %w", err)
	}
	keyPEM, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return nil, expires, fmt.Errorf("encode the key: %w", err)
	}
	asked, err := cert.MakeCSR(key, &pkix.Name{CommonName: name, Organization: groups}, nil, nil)
	if err != nil {
		return nil, expires, fmt.Errorf("make a request: %w", err)
	}
	certificate, err := r.approved(ctx, asked, ttl)
	if err != nil {
		return nil, expires, r.explain(err)
	}
	parsed, err := cert.ParseCertsPEM(certificate)
	if err != nil {
		return nil, expires, fmt.Errorf("read the certificate: %w", err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["coracle"] = &clientcmdapi.Cluster{Server: r.address, CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: ca.Raw})}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: certificate, ClientKeyData: keyPEM}
	config.Contexts["coracle"] = &clientcmdapi.Context{Cluster: "coracle", AuthInfo: name}
	config.CurrentContext = "coracle"
	if kubeconfig, err = clientcmd.Write(*config); err != nil {
		return nil, expires, fmt.Errorf("encode kubeconfig: %w", err)
	}
	return kubeconfig, parsed[0].NotAfter, nil
}

// approved asks for a certificate, approves that itself, and waits for it.
func (r *remote) approved(ctx context.Context, asked []byte, ttl time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	requests := r.typed.CertificatesV1().CertificateSigningRequests()
	request, err := requests.Create(ctx, &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "user-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: asked, SignerName: certificatesv1.KubeAPIServerClientSignerName, ExpirationSeconds: ptr.To(int32(ttl / time.Second)),
			Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	request.Status.Conditions = append(request.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "CoracleUserAdd", Message: "approved by coracle user add",
	})
	if _, err := requests.UpdateApproval(ctx, request.Name, request, metav1.UpdateOptions{}); err != nil {
		return nil, err
	}
	var failure error
	err = wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		if request, err = requests.Get(ctx, request.Name, metav1.GetOptions{}); err != nil {
			return false, err
		}
		for _, condition := range request.Status.Conditions {
			if condition.Type != certificatesv1.CertificateApproved {
				failure = errors.New(condition.Message)
			}
		}
		return failure != nil || len(request.Status.Certificate) > 0, nil
	})
	if err != nil || failure != nil {
		return nil, fmt.Errorf("request %s is not signed: %w", request.Name, errors.Join(err, failure))
	}
	return request.Status.Certificate, nil
}

// bindUser gives the user the role, in one namespace or, with "", in all.
func (r *remote) bindUser(ctx context.Context, name, role, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	meta := metav1.ObjectMeta{Name: "coracle-user:" + name + ":" + role, Namespace: namespace, Labels: map[string]string{userLabel: "true"}}
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}}
	to := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
	var err error
	if namespace == "" {
		_, err = r.typed.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: to}, metav1.CreateOptions{})
	} else {
		_, err = r.typed.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: to}, metav1.CreateOptions{})
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("bind role %s: %w", role, r.explain(err))
	}
	return nil
}

// boundUser is one of `coracle user list -o json`.
type boundUser struct {
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	Namespace string    `json:"namespace,omitempty"`
	Since     time.Time `json:"since"`
	binding   string
}

// users are by name, namespace and role.
func (r *remote) users(ctx context.Context) ([]boundUser, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	options := metav1.ListOptions{LabelSelector: userLabel}
	everywhere, err := r.typed.RbacV1().ClusterRoleBindings().List(ctx, options)
	if err != nil {
		return nil, r.explain(err)
	}
	inOne, err := r.typed.RbacV1().RoleBindings("").List(ctx, options)
	if err != nil {
		return nil, r.explain(err)
	}
	users := []boundUser{}
	add := func(meta metav1.ObjectMeta, subjects []rbacv1.Subject, role string) {
		for _, subject := range subjects {
			users = append(users, boundUser{Name: subject.Name, Role: role, Namespace: meta.Namespace, Since: meta.CreationTimestamp.Time, binding: meta.Name})
		}
	}
	for _, binding := range everywhere.Items {
		add(binding.ObjectMeta, binding.Subjects, binding.RoleRef.Name)
	}
	for _, binding := range inOne.Items {
		add(binding.ObjectMeta, binding.Subjects, binding.RoleRef.Name)
	}
	slices.SortFunc(users, func(a, b boundUser) int {
		return strings.Compare(a.Name+"\x00"+a.Namespace+"\x00"+a.Role, b.Name+"\x00"+b.Namespace+"\x00"+b.Role)
	})
	return users, nil
}

// unbindUser deletes the user's bindings, and says how many there were.
func (r *remote) unbindUser(ctx context.Context, name string) (removed int, err error) {
	users, err := r.users(ctx)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for _, user := range users {
		if user.Name != name {
			continue
		}
		if user.Namespace == "" {
			err = r.typed.RbacV1().ClusterRoleBindings().Delete(ctx, user.binding, metav1.DeleteOptions{})
		} else {
			err = r.typed.RbacV1().RoleBindings(user.Namespace).Delete(ctx, user.binding, metav1.DeleteOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return removed, fmt.Errorf("delete binding %s: %w", user.binding, r.explain(err))
		}
		removed++
	}
	return removed, nil
}
