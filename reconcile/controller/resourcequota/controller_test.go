package resourcequota

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/api/quota"
	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/controllertest"
)

var background = context.Background()

func run(t *testing.T) *controllertest.API {
	t.Helper()
	api := controllertest.New(t, clock.RealClock{})
	controllertest.Run(t, api, clock.RealClock{}, func(o controller.Options) controllertest.Runner {
		core := o.Informers.Core().V1()
		return New(Options{Options: o, Sources: []Source{
			{corev1.SchemeGroupVersion.WithResource("pods"), core.Pods().Informer()},
			{corev1.SchemeGroupVersion.WithResource("configmaps"), core.ConfigMaps().Informer()},
		}})
	})
	return api
}

// expect waits until the quota's status is so.
func expect(t *testing.T, api *controllertest.API, hard, used corev1.ResourceList) *corev1.ResourceQuota {
	t.Helper()
	var found *corev1.ResourceQuota
	controllertest.Eventually(t, func() (bool, string) {
		var err error
		if found, err = api.Client.CoreV1().ResourceQuotas("ns").Get(background, "q", metav1.GetOptions{}); err != nil {
			return false, err.Error()
		}
		return quota.Equal(found.Status.Hard, hard) && quota.Equal(found.Status.Used, used), found.Status.String()
	})
	return found
}

func TestStatusFollowsObjectsAndBounds(t *testing.T) {
	api := run(t)
	core := api.Client.CoreV1()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := core.ResourceQuotas("ns").Create(background, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "q", Namespace: "ns"}, Spec: corev1.ResourceQuotaSpec{Hard: amounts("pods", "3", "configmaps", "1")},
	}, metav1.CreateOptions{})
	check(err)
	expect(t, api, amounts("pods", "3", "configmaps", "1"), amounts("pods", "0", "configmaps", "0"))

	for _, name := range []string{"a", "b"} { // uncharged, as if the quota had been made just after
		_, err := core.Pods("ns").Create(background, pod(name, "1"), metav1.CreateOptions{})
		check(err)
	}
	expect(t, api, amounts("pods", "3", "configmaps", "1"), amounts("pods", "2", "configmaps", "0"))

	check(core.Pods("ns").Delete(background, "a", metav1.DeleteOptions{}))
	found := expect(t, api, amounts("pods", "3", "configmaps", "1"), amounts("pods", "1", "configmaps", "0"))

	found.Status.Used = amounts("pods", "3", "configmaps", "1") // charged for what was not made then
	_, err = core.ResourceQuotas("ns").UpdateStatus(background, found, metav1.UpdateOptions{})
	check(err)
	found = expect(t, api, amounts("pods", "3", "configmaps", "1"), amounts("pods", "1", "configmaps", "0"))

	found.Spec.Hard = amounts("pods", "9")
	_, err = core.ResourceQuotas("ns").Update(background, found, metav1.UpdateOptions{})
	check(err)
	expect(t, api, amounts("pods", "9"), amounts("pods", "1"))

	ended, err := core.Pods("ns").Get(background, "b", metav1.GetOptions{})
	check(err)
	ended.Status.Phase = corev1.PodSucceeded
	_, err = core.Pods("ns").UpdateStatus(background, ended, metav1.UpdateOptions{})
	check(err)
	expect(t, api, amounts("pods", "9"), amounts("pods", "0"))
}
