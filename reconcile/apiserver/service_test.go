package apiserver

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func service(name string, kind corev1.ServiceType) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.ServiceSpec{Type: kind, Ports: []corev1.ServicePort{{Port: 80}}}}
}

func keepsServiceAddresses(t *testing.T, server *Server) func(*testing.T, *Server) {
	services := server.Client().CoreV1().Services("default")
	create := func(s *corev1.Service) *corev1.Service {
		t.Helper()
		created, err := services.Create(t.Context(), s, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return created
	}
	first := create(service("first", corev1.ServiceTypeNodePort))
	if !strings.HasPrefix(first.Spec.ClusterIP, "10.96.") || first.Spec.ClusterIPs[0] != first.Spec.ClusterIP || first.Spec.Ports[0].NodePort < firstNodePort {
		t.Fatalf("addresses %v, ports %v; want one of 10.96.0.0/16 and a node port", first.Spec.ClusterIPs, first.Spec.Ports)
	}
	headless := service("headless", corev1.ServiceTypeClusterIP)
	headless.Spec.ClusterIP = corev1.ClusterIPNone
	if created := create(headless); created.Spec.ClusterIP != corev1.ClusterIPNone {
		t.Errorf("a headless service has address %s", created.Spec.ClusterIP)
	}

	same := service("same", corev1.ServiceTypeClusterIP)
	same.Spec.ClusterIP = first.Spec.ClusterIP
	refused := func(t *testing.T, server *Server) bool {
		_, err := server.Client().CoreV1().Services("default").Create(t.Context(), same.DeepCopy(), metav1.CreateOptions{})
		return apierrors.IsInvalid(err) && strings.Contains(err.Error(), "already allocated")
	}
	if !refused(t, server) {
		t.Error("an address was given twice")
	}
	outside := service("outside", corev1.ServiceTypeClusterIP)
	outside.Spec.ClusterIP = "192.0.2.1"
	if _, err := services.Create(t.Context(), outside, metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("an address outside the subnet: error %v, want invalid", err)
	}

	// An apply of the manifest, which states no addresses, keeps them.
	manifest := service("first", corev1.ServiceTypeNodePort)
	manifest.ResourceVersion, manifest.Labels = first.ResourceVersion, map[string]string{"a": "b"}
	updated, err := services.Update(t.Context(), manifest, metav1.UpdateOptions{})
	if err != nil || updated.Spec.ClusterIP != first.Spec.ClusterIP || updated.Spec.Ports[0].NodePort != first.Spec.Ports[0].NodePort {
		t.Errorf("after an update: %v, error %v; want the same addresses", updated.Spec, err)
	}

	return func(t *testing.T, server *Server) {
		if !refused(t, server) {
			t.Error("after a restart an address was given twice")
		}
		if err := server.Client().CoreV1().Services("default").Delete(t.Context(), "first", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if refused(t, server) {
			t.Error("the address of a deleted service is not given again")
		}
	}
}
