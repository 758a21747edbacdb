package bootstraptokens

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/controllertest"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func token(name, expires string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name}, Type: "bootstrap.kubernetes.io/token", Data: map[string][]byte{}}
	if expires != "" {
		s.Data["expiration"] = []byte(expires)
	}
	return s
}

func TestPlanToken(t *testing.T) {
	going := token("x", "2025-01-01T00:00:00Z")
	going.DeletionTimestamp = &metav1.Time{Time: epoch}
	for name, c := range map[string]struct {
		secret *corev1.Secret
		remove bool
		after  time.Duration
	}{
		"good":              {token("x", "2026-01-01T01:00:00Z"), false, 25 * time.Hour},
		"just expired":      {token("x", "2026-01-01T00:00:00Z"), false, 24 * time.Hour},
		"expired for a day": {token("x", "2025-12-31T00:00:00Z"), true, 0},
		"for ever":          {token("x", ""), false, 0},
		"unreadable":        {token("x", "soon"), false, 0},
		"going":             {going, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if remove, after := PlanToken(c.secret, epoch); remove != c.remove || after != c.after {
				t.Errorf("remove %v, after %s", remove, after)
			}
		})
	}
}

func TestExpiredTokensGo(t *testing.T) {
	clock := clocktesting.NewFakeClock(epoch)
	api := controllertest.New(t, clock)
	other := token("other", "2025-01-01T00:00:00Z")
	other.Type = corev1.SecretTypeOpaque
	for _, secret := range []*corev1.Secret{token("short", "2026-01-01T01:00:00Z"), token("long", "2027-01-01T00:00:00Z"), other} {
		if _, err := api.Client.CoreV1().Secrets("kube-system").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	controllertest.Run(t, api, clock, func(options controller.Options) controllertest.Runner { return New(options) })
	controllertest.Eventually(t, func() (bool, string) {
		clock.Step(time.Hour)
		_, err := api.Client.CoreV1().Secrets("kube-system").Get(t.Context(), "short", metav1.GetOptions{})
		return err != nil, "the expired token is still there"
	})
	for _, name := range []string{"long", "other"} {
		if _, err := api.Client.CoreV1().Secrets("kube-system").Get(t.Context(), name, metav1.GetOptions{}); err != nil && clock.Now().Before(epoch.AddDate(0, 11, 0)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
