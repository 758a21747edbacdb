package apiserver

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// list is given as name, value, name, value …
func list(pairs ...string) corev1.ResourceList {
	amounts := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		amounts[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return amounts
}

// giveQuota makes a quota whose status is as its controller would have it, and waits until admission knows it.
func giveQuota(t *testing.T, server space, spec corev1.ResourceQuotaSpec, used corev1.ResourceList) {
	t.Helper()
	quotas := server.Client().CoreV1().ResourceQuotas(server.namespace)
	made, err := quotas.Create(t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "object-counts"}, Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	made.Status = corev1.ResourceQuotaStatus{Hard: spec.Hard, Used: used}
	if _, err := quotas.UpdateStatus(t.Context(), made, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	lister := server.Informers().Core().V1().ResourceQuotas().Lister()
	eventually(t, "the quota is known", func() bool {
		known, err := lister.ResourceQuotas(server.namespace).Get("object-counts")
		return err == nil && len(known.Status.Hard) > 0
	})
}

func usedOf(t *testing.T, server space, name corev1.ResourceName) string {
	t.Helper()
	quota, err := server.Client().CoreV1().ResourceQuotas(server.namespace).Get(t.Context(), "object-counts", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	used := quota.Status.Used[name]
	return used.String()
}

func TestQuotasRefuseInTheWordsOfKubernetes(t *testing.T) {
	server := newSpace(t)
	giveQuota(t, server,
		corev1.ResourceQuotaSpec{Hard: list("pods", "2", "limits.cpu", "1", "configmaps", "1", "count/deployments.apps", "0", "services.nodeports", "1")},
		list("pods", "3", "limits.cpu", "0", "configmaps", "0", "count/deployments.apps", "0", "services.nodeports", "0"))
	for name, client := range map[string]kubernetes.Interface{"direct": server.Client(), "remote": kubernetes.NewForConfigOrDie(server.RESTConfig())} {
		_, err := client.CoreV1().Pods(server.namespace).Create(t.Context(), pod("unstated"), metav1.CreateOptions{})
		refused(t, name, err, `pods "unstated" is forbidden: failed quota: object-counts: must specify limits.cpu for: web`)

		generated := pod("")
		generated.GenerateName = "web-5d-"
		generated.Spec.Containers[0].Resources.Limits = list("cpu", "2")
		_, err = client.CoreV1().Pods(server.namespace).Create(t.Context(), generated, metav1.CreateOptions{})
		refused(t, name, err, "is forbidden: exceeded quota: object-counts, requested: limits.cpu=2,pods=1, used: limits.cpu=0,pods=3, limited: limits.cpu=1,pods=2")
		if !strings.HasPrefix(err.Error(), `pods "web-5d-`) || strings.HasPrefix(err.Error(), `pods "web-5d-"`) {
			t.Errorf("%s: the Pod is called otherwise than by its generated name: %v", name, err)
		}
		generated.Spec.Containers[0].Resources.Limits = list("cpu", "100m")
		_, err = client.CoreV1().Pods(server.namespace).Create(t.Context(), generated, metav1.CreateOptions{})
		refused(t, name, err, "is forbidden: exceeded quota: object-counts, requested: pods=1, used: pods=3, limited: pods=2")

		ports := service("ports-"+name, corev1.ServiceTypeNodePort)
		ports.Spec.Ports = append(ports.Spec.Ports, corev1.ServicePort{Name: "more", Port: 81})
		ports.Spec.Ports[0].Name = "first"
		_, err = client.CoreV1().Services(server.namespace).Create(t.Context(), ports, metav1.CreateOptions{})
		refused(t, name, err, "exceeded quota: object-counts, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1")
	}
	if _, err := server.Client().CoreV1().ConfigMaps(server.namespace).Create(t.Context(), configMap("one"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		t.Error(err)
	}
	if used := usedOf(t, server, "configmaps"); used != "0" {
		t.Errorf("a dry run was charged: %s", used)
	}
	if _, err := server.Client().CoreV1().ConfigMaps(server.namespace).Create(t.Context(), configMap("one"), metav1.CreateOptions{}); err != nil {
		t.Error(err)
	}
	_, err := server.Client().CoreV1().ConfigMaps(server.namespace).Create(t.Context(), configMap("two"), metav1.CreateOptions{})
	refused(t, "a second config map", err, `configmaps "two" is forbidden: exceeded quota: object-counts, requested: configmaps=1, used: configmaps=1, limited: configmaps=1`)
	if _, err := server.Client().CoreV1().ConfigMaps(newNamespace(t, server.Server)).Create(t.Context(), configMap("two"), metav1.CreateOptions{}); err != nil {
		t.Errorf("in a namespace without quota: %v", err)
	}
}

// Half of the writers come through the HTTP chain, half below it; another writes the quota all the while.
func TestManyAtOnceGetExactlyTheQuota(t *testing.T) {
	server := newSpace(t)
	giveQuota(t, server, corev1.ResourceQuotaSpec{Hard: list("pods", "10")}, list("pods", "0"))
	clients := []kubernetes.Interface{server.Client(), kubernetes.NewForConfigOrDie(server.RESTConfig())}
	var made, full, conflicts atomic.Int64
	var writers sync.WaitGroup
	for i := range 100 {
		writers.Go(func() {
			_, err := clients[i%2].CoreV1().Pods(server.namespace).Create(t.Context(), pod(fmt.Sprint("p", i)), metav1.CreateOptions{})
			switch {
			case err == nil:
				made.Add(1)
			case apierrors.IsForbidden(err):
				full.Add(1)
			case apierrors.IsConflict(err):
				conflicts.Add(1)
			default:
				t.Errorf("p%d: %v", i, err)
			}
		})
	}
	quotas := clients[0].CoreV1().ResourceQuotas(server.namespace)
	for i := range 3 { // one batch outlives three conflicts
		quota, err := quotas.Get(t.Context(), "object-counts", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		metav1.SetMetaDataAnnotation(&quota.ObjectMeta, "turn", fmt.Sprint(i))
		if _, err := quotas.Update(t.Context(), quota, metav1.UpdateOptions{}); err != nil && !apierrors.IsConflict(err) {
			t.Error(err)
		}
	}
	writers.Wait()
	pods, err := clients[0].CoreV1().Pods(server.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if made.Load() != 10 || len(pods.Items) != 10 || full.Load()+conflicts.Load() != 90 {
		t.Errorf("%d made, %d there, %d refused, %d conflicts; want 10 made and 90 refused", made.Load(), len(pods.Items), full.Load(), conflicts.Load())
	}
	if used := usedOf(t, server, "pods"); used != "10" {
		t.Errorf("used %s, want 10", used)
	}
}
