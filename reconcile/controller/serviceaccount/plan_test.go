package serviceaccount

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPlanNamespace(t *testing.T) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}}
	going, gone := namespace.DeepCopy(), namespace.DeepCopy()
	going.DeletionTimestamp = &metav1.Time{Time: time.Unix(0, 0)}
	gone.Status.Phase = corev1.NamespaceTerminating
	first := PlanNamespace(namespace, nil, nil, "CA")
	if first.CreateAccount == nil || first.CreateAccount.Name != "default" || first.CreateAccount.Namespace != "ns" {
		t.Errorf("account: %v", first.CreateAccount)
	}
	if ca := first.CreateRootCA; ca == nil || ca.Name != "kube-root-ca.crt" || ca.Namespace != "ns" || ca.Data["ca.crt"] != "CA" {
		t.Fatalf("root CA: %v", ca)
	}
	for name, stays := range map[string]Plan{
		"equal":         PlanNamespace(namespace, first.CreateAccount, first.CreateRootCA, "CA"),
		"being deleted": PlanNamespace(going, nil, nil, "CA"),
		"terminating":   PlanNamespace(gone, nil, nil, "CA"),
	} {
		if stays != (Plan{}) {
			t.Errorf("%s: %+v", name, stays)
		}
	}
	for name, change := range map[string]func(*corev1.ConfigMap){
		"another certificate": func(c *corev1.ConfigMap) { c.Data["ca.crt"] = "other" },
		"another key":         func(c *corev1.ConfigMap) { c.Data["x"] = "y" },
		"binary data":         func(c *corev1.ConfigMap) { c.BinaryData = map[string][]byte{"x": nil} },
	} {
		changed := first.CreateRootCA.DeepCopy()
		changed.ResourceVersion = "7"
		want := changed.DeepCopy()
		change(changed)
		plan := PlanNamespace(namespace, first.CreateAccount, changed, "CA")
		if diff := cmp.Diff(Plan{UpdateRootCA: want}, plan); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
