package apiserver

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"coracle.dev/coracle/reconcile/apiserver/rbac"
)

// as is a client in the name of a user: what `kubectl --as` makes.
func as(server *Server, name string, groups ...string) kubernetes.Interface {
	config := server.RESTConfig()
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: groups}
	return kubernetes.NewForConfigOrDie(config)
}

// bearer is a client with a token, and over TLS: as in a Pod.
func bearer(server *Server, token string) *kubernetes.Clientset {
	return kubernetes.NewForConfigOrDie(bearerConfig(server, token))
}

func bearerConfig(server *Server, token string) *rest.Config {
	return &rest.Config{
		Host: "https://" + server.options.Listener.Addr().String(), BearerToken: token, TLSClientConfig: rest.TLSClientConfig{CAData: server.CA()},
	}
}

// rolesAreThere waits for the last of the default roles.
func rolesAreThere(t *testing.T, server *Server) {
	t.Helper()
	eventually(t, "the default roles are there", func() bool {
		for _, binding := range rbac.ClusterRoleBindings() {
			if _, err := server.Client().RbacV1().ClusterRoleBindings().Get(t.Context(), binding.Name, metav1.GetOptions{}); err != nil {
				return false
			}
		}
		return true
	})
}

func bindClusterRole(t *testing.T, server space, role string, subjects ...rbacv1.Subject) {
	t.Helper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: role}, Subjects: subjects,
	}
	if _, err := server.Client().RbacV1().RoleBindings(server.namespace).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
}

func TestUsersMayWhatTheirRolesAllow(t *testing.T) {
	server := newSpace(t)
	rolesAreThere(t, server.Server)
	ann := as(server.Server, "ann", "dev")
	_, err := ann.CoreV1().Pods(server.namespace).List(t.Context(), metav1.ListOptions{})
	wantError(t, err, `pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "`+server.namespace+`"`)
	_, err = ann.CoreV1().Nodes().Get(t.Context(), "n1", metav1.GetOptions{})
	wantError(t, err, `nodes "n1" is forbidden: User "ann" cannot get resource "nodes" in API group "" at the cluster scope`)
	if !apierrors.IsForbidden(err) {
		t.Errorf("%v is not Forbidden", err)
	}
	if _, err := ann.Discovery().ServerVersion(); err != nil {
		t.Errorf("version: %v", err)
	}
	if groups, err := ann.Discovery().ServerGroups(); err != nil || len(groups.Groups) == 0 {
		t.Errorf("discovery: %v", err)
	}
	if _, err := ann.Discovery().OpenAPIV3().Paths(); err != nil {
		t.Errorf("OpenAPI: %v", err)
	}

	bindClusterRole(t, server, "system:aggregate-to-view", rbacv1.Subject{Kind: "Group", Name: "dev"})
	eventually(t, "ann may list Pods", func() bool {
		_, err := ann.CoreV1().Pods(server.namespace).List(t.Context(), metav1.ListOptions{})
		return err == nil
	})
	_, err = ann.CoreV1().Pods("kube-system").List(t.Context(), metav1.ListOptions{})
	wantError(t, err, `pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "kube-system"`)
	_, err = ann.CoreV1().ConfigMaps(server.namespace).Create(t.Context(), configMap("a"), metav1.CreateOptions{})
	wantError(t, err, `configmaps is forbidden: User "ann" cannot create resource "configmaps" in API group "" in the namespace "`+server.namespace+`"`)
	if err := ann.Discovery().RESTClient().Get().AbsPath("/apis/coracle.dev/v1alpha1/namespaces/" + server.namespace + "/applications").Do(t.Context()).Error(); err != nil {
		t.Errorf("view does not show Applications: %v", err)
	}
}

func TestNobodyGrantsMoreThroughTheAPI(t *testing.T) {
	server := newSpace(t)
	rolesAreThere(t, server.Server)
	bindClusterRole(t, server, "system:aggregate-to-admin", rbacv1.Subject{Kind: "User", Name: "ann"})
	ann := as(server.Server, "ann")
	wanted := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "secrets"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}}}}
	var err error
	eventually(t, "ann may write roles", func() bool {
		_, err = ann.RbacV1().Roles(server.namespace).Create(t.Context(), wanted, metav1.CreateOptions{})
		return err == nil || !strings.Contains(err.Error(), "cannot create resource")
	})
	wantError(t, err, `roles.rbac.authorization.k8s.io "secrets" is forbidden: user "ann" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`)
	if _, err := server.Client().RbacV1().Roles(server.namespace).Create(t.Context(), wanted, metav1.CreateOptions{}); err != nil {
		t.Errorf("the administrator may not: %v", err)
	}
}

func TestAccessReviews(t *testing.T) {
	server := newSpace(t)
	rolesAreThere(t, server.Server)
	bindClusterRole(t, server, "system:aggregate-to-view", rbacv1.Subject{Kind: "User", Name: "ann"})
	get := &authorizationv1.ResourceAttributes{Namespace: server.namespace, Verb: "get", Resource: "pods"}
	eventually(t, "ann can get Pods", func() bool {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: get}}
		answer, err := as(server.Server, "ann").AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
		return err == nil && answer.Status.Allowed && strings.HasSuffix(answer.Status.Reason, `of ClusterRole "system:aggregate-to-view" to User "ann"`)
	})
	admin := server.Client().AuthorizationV1()
	for who, want := range map[string]bool{"ann": true, "bob": false} {
		spec := authorizationv1.SubjectAccessReviewSpec{User: who, ResourceAttributes: get}
		if answer, err := admin.SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{}); err != nil || answer.Status.Allowed != want {
			t.Errorf("%s: %v, %v; want %v", who, answer, err, want)
		}
		if answer, err := admin.LocalSubjectAccessReviews(server.namespace).Create(t.Context(), &authorizationv1.LocalSubjectAccessReview{ObjectMeta: metav1.ObjectMeta{Namespace: server.namespace}, Spec: spec}, metav1.CreateOptions{}); err != nil || answer.Status.Allowed != want {
			t.Errorf("%s, local: %v, %v; want %v", who, answer, err, want)
		}
	}
	_, err := admin.SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: get}}, metav1.CreateOptions{})
	wantError(t, err, `SubjectAccessReview.authorization.k8s.io "" is invalid: spec.user: Invalid value: "": at least one of user or group must be specified`)

	rules := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: server.namespace}}
	answer, err := as(server.Server, "ann").AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(), rules, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status.Incomplete || len(answer.Status.NonResourceRules) == 0 || len(answer.Status.ResourceRules) < 3 {
		t.Errorf("rules: %+v", answer.Status)
	}
}

func completesRoles(t *testing.T, server *Server) func(*testing.T, *Server) {
	rolesAreThere(t, server)
	roles := server.Client().RbacV1().ClusterRoles()
	less, err := roles.Get(t.Context(), "system:basic-user", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	extra := rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{"example.com"}, Resources: []string{"horses"}}
	less.Rules = []rbacv1.PolicyRule{extra}
	if _, err := roles.Update(t.Context(), less, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := server.Client().RbacV1().ClusterRoleBindings().Delete(t.Context(), "system:discovery", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, server *Server) {
		rolesAreThere(t, server)
		eventually(t, "the role has its rules again, beside those that were added", func() bool {
			role, err := server.Client().RbacV1().ClusterRoles().Get(t.Context(), "system:basic-user", metav1.GetOptions{})
			return err == nil && len(role.Rules) > 1 && role.Rules[0].Resources[0] == "horses"
		})
	}
}

// newAccount makes a ServiceAccount and waits for nothing: tokens can be had at once.
func newAccount(t *testing.T, server *Server, namespace, name string) *corev1.ServiceAccount {
	t.Helper()
	made, err := server.Client().CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func tokenFor(t *testing.T, server *Server, namespace, name string, spec authenticationv1.TokenRequestSpec) *authenticationv1.TokenRequest {
	t.Helper()
	made, err := server.Client().CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), name, &authenticationv1.TokenRequest{Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestServiceAccountsComeInByTheirTokens(t *testing.T) {
	server := newSpace(t)
	rolesAreThere(t, server.Server)
	account := newAccount(t, server.Server, server.namespace, "web")
	token := tokenFor(t, server.Server, server.namespace, "web", authenticationv1.TokenRequestSpec{})
	if left := time.Until(token.Status.ExpirationTimestamp.Time); left < 59*time.Minute || left > 61*time.Minute {
		t.Errorf("the token lasts for %s, want an hour", left)
	}
	client := bearer(server.Server, token.Status.Token)
	me, err := client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	info := me.Status.UserInfo
	if info.Username != "system:serviceaccount:"+server.namespace+":web" || info.UID != string(account.UID) ||
		strings.Join(info.Groups, " ") != "system:serviceaccounts system:serviceaccounts:"+server.namespace+" system:authenticated" {
		t.Errorf("bearer is %+v", info)
	}
	_, err = client.CoreV1().Pods(server.namespace).List(t.Context(), metav1.ListOptions{})
	wantError(t, err, `pods is forbidden: User "system:serviceaccount:`+server.namespace+`:web" cannot list resource "pods" in API group "" in the namespace "`+server.namespace+`"`)
	bindClusterRole(t, server, "system:aggregate-to-view", rbacv1.Subject{Kind: "ServiceAccount", Name: "web", Namespace: server.namespace})
	eventually(t, "the service account may list Pods", func() bool {
		_, err := client.CoreV1().Pods(server.namespace).List(t.Context(), metav1.ListOptions{})
		return err == nil
	})
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token}}
	if answer, err := server.Client().AuthenticationV1().TokenReviews().Create(t.Context(), review, metav1.CreateOptions{}); err != nil ||
		!answer.Status.Authenticated || answer.Status.User.Username != info.Username || strings.Join(answer.Status.Audiences, " ") != tokenIssuer {
		t.Errorf("token review: %+v, %v", answer, err)
	}
	issuerIsPublished(t, server.Server, token.Status.Token)

	if err := server.Client().CoreV1().ServiceAccounts(server.namespace).Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	newAccount(t, server.Server, server.namespace, "web")
	eventually(t, "the token has ended with its service account", func() bool {
		_, err := client.CoreV1().Pods(server.namespace).List(t.Context(), metav1.ListOptions{})
		return apierrors.IsUnauthorized(err)
	})
}

func issuerIsPublished(t *testing.T, server *Server, token string) {
	t.Helper()
	config := bearerConfig(server, token)
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/.well-known/openid-configuration": `"issuer":"` + tokenIssuer, "/openid/v1/jwks": `"crv":"P-256"`} {
		response, err := client.Get(config.Host + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("GET %s: %d, %s, %v; want %s", path, response.StatusCode, body, err, want)
		}
	}
}

func TestTokensAreBoundToObjects(t *testing.T) {
	server := newSpace(t)
	newAccount(t, server.Server, server.namespace, "web")
	newAccount(t, server.Server, server.namespace, "db")
	core := server.Client().CoreV1()
	made, err := core.Secrets(server.namespace).Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	secret := &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Secret", Name: "s", UID: made.UID}
	client := bearer(server.Server, tokenFor(t, server.Server, server.namespace, "web", authenticationv1.TokenRequestSpec{BoundObjectRef: secret}).Status.Token)
	whoami := func() error {
		_, err := client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		return err
	}
	eventually(t, "the bearer is known", func() bool { return whoami() == nil }) // the default roles may not be there yet
	if err := core.Secrets(server.namespace).Delete(t.Context(), "s", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the token has ended with its Secret", func() bool { return apierrors.IsUnauthorized(whoami()) })

	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: server.namespace}, Spec: corev1.PodSpec{
		ServiceAccountName: "web", Containers: []corev1.Container{{Name: "c", Image: "i"}},
	}}
	if _, err := core.Pods(server.namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	short := int64(60)
	for name, test := range map[string]struct {
		account string
		spec    authenticationv1.TokenRequestSpec
		want    string
	}{
		"no such account":    {"gone", authenticationv1.TokenRequestSpec{}, `serviceaccounts "gone" not found`},
		"too short":          {"web", authenticationv1.TokenRequestSpec{ExpirationSeconds: &short}, `TokenRequest.authentication.k8s.io "web" is invalid: spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes`},
		"no such Secret":     {"web", authenticationv1.TokenRequestSpec{BoundObjectRef: secret}, `secrets "s" not found`},
		"not its Pod":        {"db", authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "p"}}, `cannot bind token for serviceaccount "db" to pod running with different serviceaccount name.`},
		"another Pod":        {"web", authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "p", UID: "u"}}, `Operation cannot be fulfilled on Pod "p": the UID in the bound object reference (u) does not match the UID in record. The object might have been deleted and then recreated`},
		"nothing to bind to": {"web", authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Service", Name: "p"}}, `cannot bind token to object of type /v1, Kind=Service`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := core.ServiceAccounts(server.namespace).CreateToken(t.Context(), test.account, &authenticationv1.TokenRequest{Spec: test.spec}, metav1.CreateOptions{})
			wantError(t, err, test.want)
		})
	}
}

func keepsTokens(t *testing.T, server *Server) func(*testing.T, *Server) {
	newAccount(t, server, "default", "web")
	token := tokenFor(t, server, "default", "web", authenticationv1.TokenRequestSpec{}).Status.Token
	return func(t *testing.T, server *Server) {
		eventually(t, "the bearer is known", func() bool {
			_, err := bearer(server, token).AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
			return err == nil
		})
	}
}

func TestPodsUseThePullSecretsOfTheirServiceAccount(t *testing.T) {
	server := newSpace(t)
	core := server.Client().CoreV1()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "web"}, ImagePullSecrets: []corev1.LocalObjectReference{{Name: "registry"}}}
	if _, err := core.ServiceAccounts(server.namespace).Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, own := range map[string]string{"registry": "", "mine": "mine"} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: server.namespace}, Spec: corev1.PodSpec{
			ServiceAccountName: "web", Containers: []corev1.Container{{Name: "c", Image: "i"}},
		}}
		if own != "" {
			pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: own}}
		}
		made, err := core.Pods(server.namespace).Create(t.Context(), pod, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if secrets := made.Spec.ImagePullSecrets; len(secrets) != 1 || secrets[0].Name != name {
			t.Errorf("pull secrets %v, want %s", secrets, name)
		}
	}
}
