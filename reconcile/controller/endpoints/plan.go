package endpoints

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

const (
	// ManagedBy marks the EndpointSlices that this controller writes; it touches no others.
	ManagedBy = "endpointslice-controller.k8s.io"
	// maxEndpoints is how many an EndpointSlice holds.
	maxEndpoints = 100
)

// Plan is what to write. Each list is in order of name; those to be created have only a prefix of one.
type Plan struct {
	Create, Update, Delete []*discoveryv1.EndpointSlice
	// Urgent means that some Pod leaves those that are ready: whoever sends it traffic must know at once.
	Urgent bool
}

// PlanSlices compares the EndpointSlices of a Service, as this controller has written them, with its backends. An endpoint stays
// in the slice where it is; new ones fill up slices, those first that are written anyway, then the fullest. Slices that
// would be deleted are used again for those that would be created. A Service without backends has one empty slice.
func PlanSlices(service *corev1.Service, backends []Backend, current []*discoveryv1.EndpointSlice) Plan {
	groups := map[string]*group{}
	for _, b := range backends {
		key := portsKey(b.Ports)
		if groups[key] == nil {
			groups[key] = &group{ports: b.Ports, missing: map[types.UID]discoveryv1.Endpoint{}}
		}
		g := groups[key]
		g.missing[b.Endpoint.TargetRef.UID] = b.Endpoint
		g.order = append(g.order, b.Endpoint.TargetRef.UID)
	}
	if len(groups) == 0 {
		groups[portsKey(nil)] = &group{}
	}
	var plan Plan
	var spare []*discoveryv1.EndpointSlice
	for _, slice := range inOrder(current) {
		g := groups[portsKey(slice.Ports)]
		if g == nil || slice.AddressType != discoveryv1.AddressTypeIPv4 {
			spare = append(spare, slice)
			continue
		}
		g.keep(slice)
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		spare = append(spare, groups[key].place(service, &plan)...)
	}
	plan.recycle(spare)
	plan.Update = slices.DeleteFunc(inOrder(plan.Update), func(slice *discoveryv1.EndpointSlice) bool { return same(slice, current) })
	plan.Delete = inOrder(plan.Delete)
	plan.Urgent = leaves(current, backends)
	return plan
}

// group are the endpoints that have the same ports.
type group struct {
	ports   []discoveryv1.EndpointPort
	order   []types.UID // of all endpoints
	missing map[types.UID]discoveryv1.Endpoint
	kept    []kept
}

// kept is a slice with what stays in it.
type kept struct {
	slice     *discoveryv1.EndpointSlice
	endpoints []discoveryv1.Endpoint
	changed   bool
}

// keep takes over the endpoints of a slice that are still wanted, as they are now.
func (g *group) keep(slice *discoveryv1.EndpointSlice) {
	k := kept{slice: slice}
	for _, old := range slice.Endpoints {
		var uid types.UID
		if old.TargetRef != nil {
			uid = old.TargetRef.UID
		}
		now, wanted := g.missing[uid]
		if wanted {
			delete(g.missing, uid)
			k.endpoints = append(k.endpoints, now)
		}
		k.changed = k.changed || !wanted || !equality.Semantic.DeepEqual(old, now)
	}
	g.kept = append(g.kept, k)
}

// place distributes what is missing, plans the slices, and returns those that are not needed.
func (g *group) place(service *corev1.Service, plan *Plan) (spare []*discoveryv1.EndpointSlice) {
	var missing []discoveryv1.Endpoint
	for _, uid := range g.order {
		if e, is := g.missing[uid]; is {
			missing = append(missing, e)
		}
	}
	slices.SortStableFunc(g.kept, func(a, b kept) int {
		if a.changed != b.changed {
			if a.changed {
				return -1
			}
			return 1
		}
		return cmp.Compare(len(b.endpoints), len(a.endpoints))
	})
	for i := range g.kept {
		room := min(maxEndpoints-len(g.kept[i].endpoints), len(missing))
		g.kept[i].endpoints = append(g.kept[i].endpoints, missing[:max(room, 0)]...)
		missing = missing[max(room, 0):]
	}
	nothing := len(g.order) == 0
	for _, k := range g.kept {
		if len(k.endpoints) == 0 && !nothing {
			spare = append(spare, k.slice)
			continue
		}
		nothing = false // the first of the empty ones stays
		plan.Update = append(plan.Update, build(service, k.slice, g.ports, k.endpoints))
	}
	for nothing || len(missing) > 0 {
		count := min(len(missing), maxEndpoints)
		plan.Create = append(plan.Create, build(service, nil, g.ports, missing[:count]))
		missing, nothing = missing[count:], false
	}
	return spare
}

// recycle turns creations into updates of slices that are not needed.
func (p *Plan) recycle(spare []*discoveryv1.EndpointSlice) {
	for _, slice := range inOrder(spare) {
		if len(p.Create) == 0 || slice.AddressType != discoveryv1.AddressTypeIPv4 {
			p.Delete = append(p.Delete, slice)
			continue
		}
		made := p.Create[0]
		p.Create = p.Create[1:]
		made.ObjectMeta = withMeta(slice, made)
		p.Update = append(p.Update, made)
	}
}

// build makes the slice, or what becomes of the one that is there.
func build(service *corev1.Service, old *discoveryv1.EndpointSlice, ports []discoveryv1.EndpointPort, endpoints []discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	made := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:    service.Namespace,
			GenerateName: service.Name + "-",
			Labels:       labelsOf(service),
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(service, corev1.SchemeGroupVersion.WithKind("Service")),
			},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       ports,
		Endpoints:   endpoints,
	}
	if old != nil {
		made.ObjectMeta = withMeta(old, made)
	}
	return made
}

// withMeta is the old slice's metadata with the labels and the owner that it should have.
func withMeta(old, made *discoveryv1.EndpointSlice) metav1.ObjectMeta {
	meta := *old.ObjectMeta.DeepCopy()
	meta.Labels, meta.OwnerReferences = made.Labels, made.OwnerReferences
	return meta
}

// labelsOf are the Service's own, and those by which slices are found.
func labelsOf(service *corev1.Service) map[string]string {
	labels := maps.Clone(service.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	delete(labels, corev1.IsHeadlessService)
	labels[discoveryv1.LabelServiceName] = service.Name
	labels[discoveryv1.LabelManagedBy] = ManagedBy
	if service.Spec.ClusterIP == corev1.ClusterIPNone {
		labels[corev1.IsHeadlessService] = ""
	}
	return labels
}

// same is whether a slice is among the current ones as it is.
func same(slice *discoveryv1.EndpointSlice, current []*discoveryv1.EndpointSlice) bool {
	at := slices.IndexFunc(current, func(c *discoveryv1.EndpointSlice) bool { return c.Name == slice.Name })
	return equality.Semantic.DeepEqual(current[at], slice)
}

// leaves is whether a Pod that a slice calls ready no longer is.
func leaves(current []*discoveryv1.EndpointSlice, backends []Backend) bool {
	ready := map[types.UID]bool{}
	for _, b := range backends {
		ready[b.Endpoint.TargetRef.UID] = *b.Endpoint.Conditions.Ready
	}
	for _, slice := range current {
		for _, e := range slice.Endpoints {
			if e.TargetRef != nil && e.Conditions.Ready != nil && *e.Conditions.Ready && !ready[e.TargetRef.UID] {
				return true
			}
		}
	}
	return false
}

// portsKey is the same for the same ports in any order.
func portsKey(ports []discoveryv1.EndpointPort) string {
	keys := make([]string, len(ports))
	for i, p := range ports {
		keys[i] = fmt.Sprintf("%s/%s/%d/%s", ptr.Deref(p.Name, ""), ptr.Deref(p.Protocol, ""), ptr.Deref(p.Port, 0), ptr.Deref(p.AppProtocol, ""))
	}
	slices.Sort(keys)
	return strings.Join(keys, ",")
}

func inOrder(list []*discoveryv1.EndpointSlice) []*discoveryv1.EndpointSlice {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b *discoveryv1.EndpointSlice) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
