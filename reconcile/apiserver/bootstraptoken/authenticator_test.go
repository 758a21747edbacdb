package bootstraptoken

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clocktesting "k8s.io/utils/clock/testing"
)

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

const secret = "0123456789abcdef"

// stored is the good Secret of token abc123, edited.
func stored(edits ...string) *corev1.Secret {
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-abc123", Namespace: "kube-system"}, Type: "bootstrap.kubernetes.io/token",
		Data: map[string][]byte{
			"token-id": []byte("abc123"), "token-secret": []byte(secret), "usage-bootstrap-authentication": []byte("true"),
			"expiration": []byte("2026-01-01T12:00:01Z"),
		},
	}
	for _, edit := range edits {
		key, value, _ := strings.Cut(edit, "=")
		if s.Data[key] = []byte(value); value == "" {
			delete(s.Data, key)
		}
	}
	return s
}

func knowing(s *corev1.Secret, err error) *Authenticator {
	return &Authenticator{Clock: clocktesting.NewFakePassiveClock(now), Secret: func(_ context.Context, name string) (*corev1.Secret, error) {
		if err == nil && name != s.Name {
			return nil, apierrors.NewNotFound(corev1.Resource("secrets"), name)
		}
		return s, err
	}}
}

func TestAuthenticateToken(t *testing.T) {
	deleted, opaque := stored(), stored()
	deleted.DeletionTimestamp, opaque.Type = &metav1.Time{Time: now}, corev1.SecretTypeOpaque
	for name, c := range map[string]struct {
		secret *corev1.Secret
		token  string
		groups []string // none means that the token is not known
		err    string
	}{
		"good":              {stored(), "abc123." + secret, []string{"system:bootstrappers"}, ""},
		"for ever":          {stored("expiration="), "abc123." + secret, []string{"system:bootstrappers"}, ""},
		"more groups":       {stored("auth-extra-groups=system:bootstrappers:rack1"), "abc123." + secret, []string{"system:bootstrappers", "system:bootstrappers:rack1"}, ""},
		"a group of others": {stored("auth-extra-groups=system:masters"), "abc123." + secret, nil, ""},
		"expired":           {stored("expiration=2026-01-01T12:00:00Z"), "abc123." + secret, nil, "the bootstrap token abc123 expired at 2026-01-01T12:00:00Z"},
		"expired and wrong": {stored("expiration=2026-01-01T12:00:00Z"), "abc123.0123456789abcdeX", nil, ""},
		"expired, guessed":  {stored("expiration=2026-01-01T12:00:00Z"), "abc123.0123456789abcde0", nil, ""},
		"no time at all":    {stored("expiration=tomorrow"), "abc123." + secret, nil, ""},
		"wrong secret":      {stored(), "abc123.0123456789abcde0", nil, ""},
		"wrong id":          {stored(), "abc124." + secret, nil, ""},
		"id of another":     {stored("token-id=abc124"), "abc123." + secret, nil, ""},
		"no secret":         {stored("token-secret="), "abc123." + secret, nil, ""},
		"not for this":      {stored("usage-bootstrap-authentication=no"), "abc123." + secret, nil, ""},
		"not a token":       {opaque, "abc123." + secret, nil, ""},
		"going":             {deleted, "abc123." + secret, nil, ""},
		"of another kind":   {stored(), "eyJhbGciOiJSUzI1NiJ9.e30.x", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			response, ok, err := knowing(c.secret, nil).AuthenticateToken(t.Context(), c.token)
			if ok != (c.groups != nil) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("known %v, error %v", ok, err)
			}
			if ok && (response.User.GetName() != "system:bootstrap:abc123" || !slices.Equal(response.User.GetGroups(), c.groups)) {
				t.Errorf("user %+v", response.User)
			}
		})
	}
	if _, ok, err := knowing(nil, errors.New("store is away")).AuthenticateToken(t.Context(), "abc123."+secret); ok || err == nil {
		t.Errorf("without a store: known %v, error %v", ok, err)
	}
}

func TestOnlyHoldersHearOfExpiry(t *testing.T) {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, metav1.SchemeGroupVersion)
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	expired := knowing(stored("expiration=2026-01-01T11:00:00Z"), nil).Explain(next, serializer.NewCodecFactory(scheme))
	for header, want := range map[string]int{
		"Bearer abc123." + secret: http.StatusUnauthorized, "bearer  abc123." + secret: http.StatusUnauthorized,
		"Bearer abc123.0123456789abcde0": http.StatusTeapot, "Basic abc123." + secret: http.StatusTeapot, "": http.StatusTeapot,
	} {
		request := httptest.NewRequest(http.MethodGet, "/api", nil)
		request.Header.Set("Authorization", header)
		answer := httptest.NewRecorder()
		expired.ServeHTTP(answer, request)
		if answer.Code != want {
			t.Errorf("%q: status %d, want %d", header, answer.Code, want)
		}
		if want == http.StatusUnauthorized && !strings.Contains(answer.Body.String(), "expired at 2026-01-01T11:00:00Z; make a new one") {
			t.Errorf("%q: %s", header, answer.Body)
		}
	}
}
