package apiserver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/dryrun"
)

// nodePorts are those that Services of type NodePort get, as upstream's default range.
const (
	firstNodePort = 30000
	lastNodePort  = 32767
)

// serviceAddresses gives Services their cluster IPs and node ports. What is taken is read from the stored Services at
// start, so nothing of it is stored twice.
type serviceAddresses struct {
	subnet netip.Prefix

	mu    sync.Mutex
	ips   map[netip.Addr]bool
	ports map[int32]bool
}

func newServiceAddresses(subnet netip.Prefix) *serviceAddresses {
	return &serviceAddresses{subnet: subnet, ips: map[netip.Addr]bool{}, ports: map[int32]bool{}}
}

// hook has the store take addresses when a Service is written and give them back when it goes.
func (a *serviceAddresses) hook(store *genericregistry.Store) {
	store.ReturnDeletedObject = true
	store.BeginCreate = func(_ context.Context, obj runtime.Object, options *metav1.CreateOptions) (genericregistry.FinishFunc, error) {
		return a.begin(obj.(*corev1.Service), nil, dryrun.IsDryRun(options.DryRun))
	}
	store.BeginUpdate = func(_ context.Context, obj, old runtime.Object, options *metav1.UpdateOptions) (genericregistry.FinishFunc, error) {
		service, before := obj.(*corev1.Service), old.(*corev1.Service)
		keepAddresses(service, before)
		return a.begin(service, before, dryrun.IsDryRun(options.DryRun))
	}
	store.AfterDelete = func(obj runtime.Object, options *metav1.DeleteOptions) {
		if !dryrun.IsDryRun(options.DryRun) {
			a.release(taken(obj.(*corev1.Service)))
		}
	}
}

// load takes what the stored Services hold. It is called before the API is open.
func (a *serviceAddresses) load(ctx context.Context, services rest.Lister) error {
	list, err := services.List(ctx, &metainternalversion.ListOptions{})
	if err != nil {
		return fmt.Errorf("list services: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range list.(*corev1.ServiceList).Items {
		held := taken(&list.(*corev1.ServiceList).Items[i])
		a.take(held)
	}
	return nil
}

// addresses are what one Service holds.
type addresses struct {
	ip    netip.Addr // the zero value is none
	ports []int32
}

func taken(service *corev1.Service) addresses {
	var held addresses
	if ip, err := netip.ParseAddr(service.Spec.ClusterIP); err == nil {
		held.ip = ip
	}
	for _, port := range service.Spec.Ports {
		if port.NodePort != 0 {
			held.ports = append(held.ports, port.NodePort)
		}
	}
	return held
}

// begin completes the Service's addresses. The returned func is told whether the write succeeded.
func (a *serviceAddresses) begin(service, old *corev1.Service, dryRun bool) (genericregistry.FinishFunc, error) {
	var before addresses
	if old != nil {
		before = taken(old)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(before)
	err := a.complete(service)
	after := taken(service)
	if err != nil {
		a.take(before)
		return nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Service").GroupKind(), service.Name, field.ErrorList{err})
	}
	a.take(before) // until the write is through, both are held
	a.take(after)
	return func(_ context.Context, success bool) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if success && !dryRun {
			a.drop(before)
			a.take(after)
		} else {
			a.drop(after)
			a.take(before)
		}
	}, nil
}

func (a *serviceAddresses) complete(service *corev1.Service) *field.Error {
	if err := a.completeIP(service); err != nil {
		return err
	}
	return a.completePorts(service)
}

func (a *serviceAddresses) completeIP(service *corev1.Service) *field.Error {
	spec, path := &service.Spec, field.NewPath("spec", "clusterIPs").Index(0)
	if spec.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	if spec.ClusterIP == "" && len(spec.ClusterIPs) > 0 {
		spec.ClusterIP = spec.ClusterIPs[0]
	}
	switch spec.ClusterIP {
	case corev1.ClusterIPNone:
	case "":
		ip, ok := a.freeIP()
		if !ok {
			return field.InternalError(path, fmt.Errorf("failed to allocate a serviceIP: range is full"))
		}
		spec.ClusterIP = ip.String()
	default:
		ip, err := netip.ParseAddr(spec.ClusterIP)
		if err != nil || !a.subnet.Contains(ip) {
			return field.Invalid(path, spec.ClusterIP, fmt.Sprintf("failed to allocate IP %s: the provided network does not match the current range: the range of valid IPs is %s", spec.ClusterIP, a.subnet))
		}
		if a.ips[ip] {
			return field.Invalid(path, spec.ClusterIP, fmt.Sprintf("failed to allocate IP %s: provided IP is already allocated", spec.ClusterIP))
		}
	}
	if len(spec.ClusterIPs) == 0 {
		spec.ClusterIPs = []string{spec.ClusterIP}
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol}
	}
	if spec.IPFamilyPolicy == nil {
		single := corev1.IPFamilyPolicySingleStack
		spec.IPFamilyPolicy = &single
	}
	return nil
}

func (a *serviceAddresses) completePorts(service *corev1.Service) *field.Error {
	if t := service.Spec.Type; t != corev1.ServiceTypeNodePort && t != corev1.ServiceTypeLoadBalancer {
		return nil
	}
	chosen := map[int32]bool{}
	for i := range service.Spec.Ports {
		port, path := &service.Spec.Ports[i], field.NewPath("spec", "ports").Index(i).Child("nodePort")
		switch {
		case port.NodePort == 0:
			free, ok := a.freePort(chosen)
			if !ok {
				return field.InternalError(path, fmt.Errorf("failed to allocate a nodePort: range is full"))
			}
			port.NodePort = free
		case port.NodePort < firstNodePort || port.NodePort > lastNodePort:
			return field.Invalid(path, port.NodePort, fmt.Sprintf("provided port is not in the valid range. The range of valid ports is %d-%d", firstNodePort, lastNodePort))
		case a.ports[port.NodePort]:
			return field.Invalid(path, port.NodePort, "provided port is already allocated")
		}
		chosen[port.NodePort] = true
	}
	return nil
}

// freeIP draws an address at random: a deleted Service's is then seldom given again at once. The network's own, its
// first (the API server's) and its broadcast address are not given.
func (a *serviceAddresses) freeIP() (netip.Addr, bool) {
	size := uint32(1) << (32 - a.subnet.Bits())
	base := a.subnet.Masked().Addr().As4()
	first := uint32(base[0])<<24 | uint32(base[1])<<16 | uint32(base[2])<<8 | uint32(base[3])
	start := rand.Uint32N(size)
	for i := range size {
		n := (start + i) % size
		if n < 2 || n == size-1 {
			continue
		}
		v := first + n
		ip := netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
		if !a.ips[ip] {
			return ip, true
		}
	}
	return netip.Addr{}, false
}

func (a *serviceAddresses) freePort(chosen map[int32]bool) (int32, bool) {
	const size = lastNodePort - firstNodePort + 1
	start := rand.Int32N(size)
	for i := range int32(size) {
		port := firstNodePort + (start+i)%size
		if !a.ports[port] && !chosen[port] {
			return port, true
		}
	}
	return 0, false
}

func (a *serviceAddresses) take(held addresses) {
	if held.ip.IsValid() {
		a.ips[held.ip] = true
	}
	for _, port := range held.ports {
		a.ports[port] = true
	}
}

func (a *serviceAddresses) drop(held addresses) {
	delete(a.ips, held.ip)
	for _, port := range held.ports {
		delete(a.ports, port)
	}
}

func (a *serviceAddresses) release(held addresses) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(held)
}

// keepAddresses fills in what an update left out, as `kubectl apply` of a manifest without them does.
func keepAddresses(service, old *corev1.Service) {
	if service.Spec.Type == corev1.ServiceTypeExternalName || old.Spec.Type == corev1.ServiceTypeExternalName {
		return
	}
	if service.Spec.ClusterIP == "" && len(service.Spec.ClusterIPs) == 0 {
		service.Spec.ClusterIP, service.Spec.ClusterIPs = old.Spec.ClusterIP, old.Spec.ClusterIPs
	}
	if t := service.Spec.Type; t != corev1.ServiceTypeNodePort && t != corev1.ServiceTypeLoadBalancer {
		return
	}
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		for _, before := range old.Spec.Ports {
			if port.NodePort == 0 && port.Port == before.Port && port.Protocol == before.Protocol {
				port.NodePort = before.NodePort
			}
		}
	}
}
