package apiserver

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"

	"coracle.dev/coracle/reconcile/api"
	"coracle.dev/coracle/reconcile/apiserver/rbac"
)

// bootstrap makes the objects that every cluster has: its namespaces, its priority classes, and the Service by which Pods
// find the API.
func (s *Server) bootstrap(ctx context.Context) error {
	for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		_, err := s.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("make namespace %s: %w", name, err)
		}
	}
	for _, class := range api.SystemPriorityClasses() {
		_, err := s.client.SchedulingV1().PriorityClasses().Create(ctx, class, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("make priority class %s: %w", class.Name, err)
		}
	}
	if err := s.bootstrapService(ctx); err != nil {
		return err
	}
	if err := s.bootstrapEndpoints(ctx); err != nil {
		return err
	}
	s.bootstrapped.Store(true)
	s.ensureRoles(ctx)
	return nil
}

// ensureRoles makes the default roles once the server is ready: its administrators need none of them.
func (s *Server) ensureRoles(ctx context.Context) {
	_ = wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
		err := rbac.Ensure(ctx, s.client.RbacV1())
		if err != nil && ctx.Err() == nil {
			klog.ErrorS(err, "Default roles are not complete, trying again")
		}
		return err == nil, nil
	})
}

var kubernetesMeta = metav1.ObjectMeta{
	Name: "kubernetes", Namespace: metav1.NamespaceDefault,
	Labels: map[string]string{"component": "apiserver", "provider": "kubernetes"},
}

func (s *Server) bootstrapService(ctx context.Context) error {
	service := &corev1.Service{ObjectMeta: kubernetesMeta, Spec: corev1.ServiceSpec{
		ClusterIP: s.apiAddress().String(),
		Ports:     []corev1.ServicePort{{Name: "https", Port: 443, Protocol: corev1.ProtocolTCP}},
	}}
	service.Spec.Ports[0].TargetPort.IntVal = int32(s.port())
	services := s.client.CoreV1().Services(service.Namespace)
	_, err := services.Get(ctx, service.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = services.Create(ctx, service, metav1.CreateOptions{})
	}
	if err != nil {
		return fmt.Errorf("make service kubernetes: %w", err)
	}
	return nil
}

// bootstrapEndpoints says where the API is served now; it may have been elsewhere before. A loopback address cannot be an
// endpoint, so a server that listens only there has none.
func (s *Server) bootstrapEndpoints(ctx context.Context) error {
	host, _, err := net.SplitHostPort(s.options.Listener.Addr().String())
	if err != nil {
		return fmt.Errorf("address of the listener: %w", err)
	}
	ip := net.ParseIP(host)
	if ip == nil || ip.IsLoopback() || ip.IsUnspecified() || ip.To4() == nil {
		return nil
	}
	name, port, protocol, ready := "https", int32(s.port()), corev1.ProtocolTCP, true
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  *kubernetesMeta.DeepCopy(),
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{host}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
	}
	slice.Labels[discoveryv1.LabelServiceName] = slice.Name
	slices := s.client.DiscoveryV1().EndpointSlices(slice.Namespace)
	_, err = slices.Create(ctx, slice, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = slices.Update(ctx, slice, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("make endpoints of kubernetes: %w", err)
	}
	return nil
}

func (s *Server) port() int {
	_, text, _ := net.SplitHostPort(s.options.Listener.Addr().String())
	port, _ := strconv.Atoi(text)
	return port
}
