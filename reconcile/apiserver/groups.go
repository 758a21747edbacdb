package apiserver

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	genericserver "k8s.io/apiserver/pkg/server"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/api"
)

// storageTimeout is how long the store may take to answer at start.
const storageTimeout = 30 * time.Second

// eventSeconds is how long an Event is kept.
const eventSeconds = 60 * 60

// registries are the stores of all kinds.
type registries struct {
	all       map[schema.GroupResource]*registry
	addresses *serviceAddresses
	podCIDRs  *podCIDRs
}

// openRegistries opens the stores of all kinds on the etcd of options. Some are more than a stored object.
func openRegistries(options *storageOptions, serviceSubnet, podSubnet netip.Prefix) (*registries, error) {
	r := &registries{all: map[schema.GroupResource]*registry{}, addresses: newServiceAddresses(serviceSubnet), podCIDRs: newPodCIDRs(podSubnet)}
	adjust := map[string]func(*genericregistry.Store){
		"namespaces":                 keepWhileFinalizing,
		"services":                   r.addresses.hook,
		"certificatesigningrequests": stampRequester,
		"nodes":                      r.podCIDRs.hook,
		"events": func(store *genericregistry.Store) {
			store.TTLFunc = func(runtime.Object, uint64, bool) (uint64, error) { return eventSeconds, nil }
		},
	}
	for _, kind := range api.Kinds() {
		if r.all[groupResource(kind)] != nil {
			continue // a further version of it
		}
		opened, err := newRegistry(kind, options, clock.RealClock{}, adjust[kind.Resource])
		if err != nil {
			r.destroy()
			return nil, err
		}
		r.all[groupResource(kind)] = opened
	}
	return r, nil
}

// load reads what is kept in memory of the stored objects, once their cache is filled.
func (r *registries) load(ctx context.Context) error {
	services, nodes := r.core("services"), r.core("nodes")
	err := wait.PollUntilContextTimeout(ctx, time.Millisecond, storageTimeout, true, func(context.Context) (bool, error) {
		return services.ReadinessCheck() == nil && nodes.ReadinessCheck() == nil, nil
	})
	if err != nil {
		return fmt.Errorf("read the store: not ready after %s", storageTimeout)
	}
	if err := r.podCIDRs.load(ctx, nodes); err != nil {
		return err
	}
	return r.addresses.load(ctx, services)
}

// destroy closes the stores' connections.
func (r *registries) destroy() {
	for _, registry := range r.all {
		registry.Destroy()
	}
}

func (r *registries) core(resource string) *registry {
	return r.all[schema.GroupResource{Resource: resource}]
}

// groups is the API of all stores and their subresources, a group each, in a fixed order.
func (r *registries) groups(nodes nodes, access *access, config *genericserver.Config) []*genericserver.APIGroupInfo {
	storages := map[schema.GroupVersion]map[string]rest.Storage{
		authorizationv1.SchemeGroupVersion:  accessReviews(config.Authorization.Authorizer, access.policy),
		authenticationv1.SchemeGroupVersion: authenticationReviews(config.Authentication.Authenticator, config.Authentication.APIAudiences),
	}
	for _, kind := range api.Kinds() {
		registry, version := r.all[groupResource(kind)], kind.GroupVersion()
		if storages[version] == nil {
			storages[version] = map[string]rest.Storage{}
		}
		r.install(storages[version], registry)
	}
	pods, stream := r.core("pods"), podStream{pods: r.core("pods"), nodes: nodes}
	binding := newBindingREST(pods)
	core := storages[schema.GroupVersion{Version: "v1"}]
	core["bindings"] = &legacyBindingREST{binding}
	core["pods/binding"] = binding
	core["pods/eviction"] = newEvictionREST(pods, r.all[policyv1.Resource("poddisruptionbudgets")])
	core["pods/log"] = logREST{stream}
	core["pods/exec"] = execREST{stream}
	core["pods/attach"] = attachREST{stream}
	core["pods/portforward"] = portForwardREST{stream}
	requests := schema.GroupResource{Group: certificatesv1.GroupName, Resource: "certificatesigningrequests"}
	storages[certificatesv1.SchemeGroupVersion]["certificatesigningrequests/approval"] = newApprovalREST(r.all[requests])
	core["serviceaccounts/token"] = &tokenRequestREST{issuer: access.tokens.Issuer, audiences: access.tokens.Audiences, lookup: r.lookup, clock: clock.RealClock{}}
	core["namespaces"] = &namespaceREST{r.core("namespaces")}
	core["namespaces/finalize"] = newFinalizeREST(r.core("namespaces"))
	addAbsent(storages)
	return groupInfos(storages)
}

// install adds a kind's resource and those of its subresources that api.Kind describes.
func (r *registries) install(storages map[string]rest.Storage, registry *registry) {
	kind := registry.kind
	storages[kind.Resource] = registry
	if kind.PrepareForStatusUpdate != nil {
		storages[kind.Resource+"/status"] = newStatusREST(registry)
	}
	if kind.Scale != nil {
		storages[kind.Resource+"/scale"] = &scaleREST{registry}
	}
}

func groupInfos(storages map[schema.GroupVersion]map[string]rest.Storage) []*genericserver.APIGroupInfo {
	byGroup := map[string]*genericserver.APIGroupInfo{}
	var names []string
	for version, resources := range storages {
		info := byGroup[version.Group]
		if info == nil {
			group := genericserver.NewDefaultAPIGroupInfo(version.Group, api.Scheme, api.ParameterCodec, api.Codecs)
			info = &group
			byGroup[version.Group] = info
			names = append(names, version.Group)
		}
		info.VersionedResourcesStorageMap[version.Version] = resources
	}
	slices.Sort(names)
	infos := make([]*genericserver.APIGroupInfo, 0, len(names))
	for _, name := range names {
		infos = append(infos, byGroup[name])
	}
	return infos
}

// installGroups makes all groups part of the server; the core group has a path of its own.
func installGroups(server *genericserver.GenericAPIServer, groups []*genericserver.APIGroupInfo) error {
	core, others := groups[0], groups[1:] // sorted by name, and the core group's is empty
	if err := server.InstallLegacyAPIGroup(genericserver.DefaultLegacyAPIPrefix, core); err != nil {
		return fmt.Errorf("install the core API group: %w", err)
	}
	if err := server.InstallAPIGroups(others...); err != nil {
		return fmt.Errorf("install the API groups: %w", err)
	}
	return nil
}
