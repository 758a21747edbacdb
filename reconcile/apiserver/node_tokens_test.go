package apiserver

import (
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A machine gets the tokens that its Pods' volumes name, and no others.
func TestANodeGetsTokensOfItsPods(t *testing.T) {
	f := newAuthority(t)
	raspi002, ctx := f.named("raspi002"), t.Context()
	node, core := f.join(t, raspi002), f.Client().CoreV1()
	for _, account := range []string{"robot", "aide", "admin"} {
		if _, err := core.ServiceAccounts(f.namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	bind := func(name, account, on string) *corev1.Pod {
		made, err := core.Pods(f.namespace).Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{
			NodeName: on, ServiceAccountName: account, Containers: []corev1.Container{{Name: "c", Image: "i"}},
			Volumes: []corev1.Volume{{Name: "t", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "api"}}, {ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "vault", Audience: "vault"}},
			}}}}},
		}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	mine, other := bind("mine", "robot", raspi002), bind("other", "admin", f.named("raspi003"))
	bind("second", "aide", raspi002)
	ask := func(account, pod string, uid types.UID, audiences ...string) (*authenticationv1.TokenRequest, error) {
		return node.CoreV1().ServiceAccounts(f.namespace).CreateToken(ctx, account, &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			Audiences: audiences, BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod, UID: uid},
		}}, metav1.CreateOptions{})
	}

	given, err := ask("robot", "mine", mine.UID)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := f.Client().AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: given.Status.Token}}, metav1.CreateOptions{})
	if err != nil || answer.Status.User.Username != "system:serviceaccount:"+f.namespace+":robot" ||
		strings.Join(answer.Status.User.Extra["authentication.kubernetes.io/pod-uid"], "") != string(mine.UID) {
		t.Errorf("token review: %+v, %v", answer, err)
	}
	if _, err := ask("robot", "mine", mine.UID, "vault"); err != nil {
		t.Errorf("for an audience: %v", err)
	}
	for what, c := range map[string]struct {
		account, pod string
		uid          types.UID
		audience     []string
		want         string
	}{
		"another Pod's account":       {"admin", "other", other.UID, nil, "no relationship found"},
		"another account for its Pod": {"admin", "mine", mine.UID, nil, "no relationship found"},
		"another's Pod":               {"robot", "other", other.UID, nil, "scheduled on a different node"},
		"a Pod without its UID":       {"robot", "second", "", nil, "not bound to a pod"},
		"a Pod that was here before":  {"robot", "mine", "before", nil, "does not match the UID in record"},
		"a Pod with another account":  {"aide", "mine", mine.UID, nil, "pod running with different serviceaccount name"},
		"an audience that none asks":  {"robot", "mine", mine.UID, []string{"bank"}, `audience "bank" not found in pod spec volume`},
		"several audiences":           {"robot", "mine", mine.UID, []string{"vault", ""}, "node may only request 0 or 1 audiences"},
		"a Pod that is not there":     {"robot", "gone", "1", nil, "scheduled on a different node"},
	} {
		if given, err := ask(c.account, c.pod, c.uid, c.audience...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, error %v, want %q", what, given, err, c.want)
		}
	}
}
