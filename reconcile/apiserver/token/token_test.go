package token

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	clocktesting "k8s.io/utils/clock/testing"
)

const url = "https://issuer.example.org"

func newIssuer(t *testing.T, url string) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := NewIssuer(url, key)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

// world is a clock and objects by "resource/namespace/name".
type world struct {
	*Authenticator
	clock   *clocktesting.FakeClock
	objects map[string]metav1.Object
}

func newWorld(t *testing.T) *world {
	w := &world{clock: clocktesting.NewFakeClock(time.Unix(1_000_000, 0)), objects: map[string]metav1.Object{}}
	w.Authenticator = &Authenticator{
		Issuer: newIssuer(t, url), Audiences: []string{"api"}, Clock: w.clock,
		Lookup: func(_ context.Context, resource, namespace string, ref Ref) (metav1.Object, error) {
			if object, ok := w.objects[resource+"/"+namespace+"/"+ref.Name]; ok {
				return object, nil
			}
			return nil, apierrors.NewNotFound(schema.GroupResource{Resource: resource}, ref.Name)
		},
	}
	w.set("serviceaccounts", "shop", "web", "u1")
	return w
}

func (w *world) set(resource, namespace, name, uid string) *corev1.Pod {
	object := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	object.UID = types.UID(uid)
	w.objects[resource+"/"+namespace+"/"+name] = object
	return object
}

func (w *world) issue(t *testing.T, claims Claims) string {
	t.Helper()
	token, err := w.Issuer.Issue(claims, []string{"api", "other"}, w.clock.Now(), w.clock.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// refused checks that a token is refused, for a reason with these words.
func (w *world) refused(t *testing.T, ctx context.Context, token, words string) {
	t.Helper()
	response, ok, err := w.AuthenticateToken(ctx, token)
	if ok || err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("response %v, %v, error %v; want an error with %q", response, ok, err, words)
	}
}

func (w *world) accepted(t *testing.T, token string) user.Info {
	t.Helper()
	response, ok, err := w.AuthenticateToken(t.Context(), token)
	if !ok || err != nil {
		t.Fatalf("refused: %v, %v", ok, err)
	}
	return response.User
}

func web() Claims { return Claims{Namespace: "shop", ServiceAccount: Ref{"web", "u1"}} }

func TestBearerIsTheServiceAccount(t *testing.T) {
	w := newWorld(t)
	w.set("pods", "shop", "web-1", "u2")
	claims := web()
	claims.Pod, claims.Node = &Ref{"web-1", "u2"}, &Ref{"n1", "u3"}
	got := w.accepted(t, w.issue(t, claims))
	id := got.GetExtra()[user.CredentialIDKey]
	if len(id) != 1 || !strings.HasPrefix(id[0], "JTI=") {
		t.Errorf("credential id %q", id)
	}
	want := &user.DefaultInfo{
		Name: "system:serviceaccount:shop:web", UID: "u1", Groups: []string{"system:serviceaccounts", "system:serviceaccounts:shop"},
		Extra: map[string][]string{
			"authentication.kubernetes.io/pod-name": {"web-1"}, "authentication.kubernetes.io/pod-uid": {"u2"},
			"authentication.kubernetes.io/node-name": {"n1"}, "authentication.kubernetes.io/node-uid": {"u3"},
			user.CredentialIDKey: id,
		},
	}
	if diff := cmp.Diff(user.Info(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTokenEndsWithItsTime(t *testing.T) {
	w := newWorld(t)
	token := w.issue(t, web())
	w.clock.Step(time.Hour)
	w.accepted(t, token) // the leeway of a minute
	w.clock.Step(time.Minute + time.Second)
	w.refused(t, t.Context(), token, "expired")
	w.clock.SetTime(time.Unix(1_000_000, 0).Add(-time.Hour))
	w.refused(t, t.Context(), token, "not valid yet")
}

func TestTokenEndsWithItsObjects(t *testing.T) {
	for resource, bind := range map[string]func(*Claims){
		"serviceaccounts/shop/web": func(*Claims) {},
		"pods/shop/web-1":          func(c *Claims) { c.Pod = &Ref{"web-1", "u1"} },
		"secrets/shop/s":           func(c *Claims) { c.Secret = &Ref{"s", "u1"} },
		"nodes//n1":                func(c *Claims) { c.Node = &Ref{"n1", "u1"} },
	} {
		t.Run(resource, func(t *testing.T) {
			w := newWorld(t)
			parts := strings.Split(resource, "/")
			object := w.set(parts[0], parts[1], parts[2], "u1")
			claims := web()
			bind(&claims)
			token := w.issue(t, claims)
			w.accepted(t, token)
			object.DeletionTimestamp = &metav1.Time{Time: w.clock.Now()}
			w.accepted(t, token)
			w.clock.Step(deletionGrace + time.Second)
			w.refused(t, t.Context(), token, "has been deleted")
			w.set(parts[0], parts[1], parts[2], "u9")
			w.refused(t, t.Context(), token, "made anew")
			delete(w.objects, resource)
			w.refused(t, t.Context(), token, "not found")
		})
	}
}

func TestTokenIsForItsAudiences(t *testing.T) {
	w := newWorld(t)
	token := w.issue(t, web())
	other := authenticator.WithAudiences(t.Context(), authenticator.Audiences{"other", "third"})
	if response, ok, err := w.AuthenticateToken(other, token); !ok || err != nil || !cmp.Equal(response.Audiences, authenticator.Audiences{"other"}) {
		t.Errorf("for another audience of the token: %v, %v, %v", response, ok, err)
	}
	w.refused(t, authenticator.WithAudiences(t.Context(), authenticator.Audiences{"third"}), token, "invalid for the target audiences")
}

func TestForgedTokens(t *testing.T) {
	w := newWorld(t)
	genuine := w.issue(t, web())
	forger := newIssuer(t, url)
	forged, err := forger.Issue(web(), []string{"api"}, w.clock.Now(), w.clock.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	w.refused(t, t.Context(), forged, "error in cryptographic primitive")
	parts, others := strings.Split(genuine, "."), strings.Split(forged, ".")
	w.refused(t, t.Context(), others[0]+"."+others[1]+"."+parts[2], "error in cryptographic primitive")

	// A public key, which everybody may have, is no secret to sign with.
	symmetric, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: bytes.Repeat([]byte("k"), 64)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	confused, err := jwt.Signed(symmetric).Claims(jwt.Claims{Issuer: url}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := newIssuer(t, "https://elsewhere.example.org").Issue(web(), []string{"api"}, w.clock.Now(), w.clock.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{confused, foreign, "", "abcdef.0123456789abcdef", "a.b.c"} {
		if _, ok, err := w.AuthenticateToken(t.Context(), token); ok || err != nil {
			t.Errorf("%q: %v, %v; want to leave it to others", token, ok, err)
		}
	}
}

func TestOthersCanVerify(t *testing.T) {
	w := newWorld(t)
	document, err := w.Issuer.Keys()
	if err != nil {
		t.Fatal(err)
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(document, &keys); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(document), `"d"`) {
		t.Fatal("the private key is published")
	}
	parsed, err := jwt.ParseSigned(w.issue(t, web()), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var registered jwt.Claims
	if err := parsed.Claims(keys, &registered); err != nil || registered.Subject != "system:serviceaccount:shop:web" {
		t.Errorf("subject %q, error %v", registered.Subject, err)
	}
	var discovery struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	document, err = w.Issuer.Discovery()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document, &discovery); err != nil || discovery.Issuer != url || discovery.Keys != url+"/openid/v1/jwks" {
		t.Errorf("discovery %s, error %v", document, err)
	}
}
