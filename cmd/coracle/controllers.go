package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/api"
	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/bootstraptokens"
	"coracle.dev/coracle/reconcile/controller/certificates"
	"coracle.dev/coracle/reconcile/controller/clusterrole"
	"coracle.dev/coracle/reconcile/controller/deployment"
	"coracle.dev/coracle/reconcile/controller/disruption"
	"coracle.dev/coracle/reconcile/controller/endpoints"
	"coracle.dev/coracle/reconcile/controller/garbage"
	"coracle.dev/coracle/reconcile/controller/namespace"
	"coracle.dev/coracle/reconcile/controller/nodes"
	"coracle.dev/coracle/reconcile/controller/replicaset"
	"coracle.dev/coracle/reconcile/controller/resourcequota"
	"coracle.dev/coracle/reconcile/controller/scheduler"
	"coracle.dev/coracle/reconcile/controller/serviceaccount"
)

// controllers makes all controllers, and returns what runs them and the informers that they share.
func (d *daemon) controllers(events *events) ([]func(context.Context) error, error) {
	options := func(component string) controller.Options {
		return controller.Options{
			Client: d.server.Client(), Informers: d.server.Informers(), Recorder: events.recorder(component, ""),
			Clock: clock.RealClock{}, Logger: d.log,
		}
	}
	objects, err := metadata.NewForConfig(d.server.RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("make the metadata client: %w", err)
	}
	ours := metadatainformer.NewSharedInformerFactory(objects, 0)
	owners, contents := d.sources(ours)
	autoscaler, err := d.autoscaler(options("horizontal-pod-autoscaler"))
	if err != nil {
		return nil, err
	}
	ca, caKey := d.server.Authority()
	made := []struct {
		workers int
		run     func(context.Context, int) error
	}{
		{4, deployment.New(options("deployment-controller")).Run},
		{4, replicaset.New(options("replicaset-controller")).Run},
		{2, replicaset.NewReplicationController(options("replication-controller")).Run},
		{8, scheduler.New(options("default-scheduler")).Run},
		{4, garbage.New(garbage.Options{Options: options("garbage-collector"), Metadata: objects, Sources: owners}).Run},
		{1, clusterrole.New(options("clusterrole-aggregation-controller")).Run},
		{2, serviceaccount.New(serviceaccount.Options{Options: options("service-account-controller"), RootCA: d.server.CA()}).Run},
		{1, certificates.New(certificates.Options{Options: options("certificate-controller"), Authority: certificates.Authority{Certificate: ca, Key: caKey}, GracePeriod: d.options.grace}).Run},
		{1, bootstraptokens.New(options("token-cleaner")).Run},
		{2, endpoints.New(options("endpoint-slice-controller")).Run},
		{4, autoscaler.Run},
		{4, nodes.New(nodes.Options{
			Options: options("node-controller"), GracePeriod: d.options.grace, Quarantine: d.options.grace, Limits: d.options.limits,
		}).Run},
		{2, disruption.New(options("disruption-controller")).Run},
		{2, resourcequota.New(resourcequota.Options{Options: options("resourcequota-controller"), Sources: counted(contents)}).Run},
		{2, namespace.New(namespace.Options{Options: options("namespace-controller"), Metadata: objects, Sources: contents}).Run},
	}
	parts := []func(context.Context) error{func(ctx context.Context) error {
		d.server.Informers().StartWithContext(ctx)
		ours.Start(ctx.Done())
		<-ctx.Done()
		return nil
	}}
	for _, c := range made {
		parts = append(parts, func(ctx context.Context) error { return c.run(ctx, c.workers) })
	}
	return parts, nil
}

// sources are the kinds whose objects can own and be owned, and those that go with their namespace. Kinds that client-go
// knows share the controllers' informers; our own are watched by their metadata.
func (d *daemon) sources(ours metadatainformer.SharedInformerFactory) (owners []garbage.Source, contents []namespace.Source) {
	for _, kind := range api.Kinds() {
		resource := kind.GroupVersion().WithResource(kind.Resource)
		if kind.Served != nil {
			continue // the same objects as those of another kind
		}
		if kind.Kind == "Event" { // many, short-lived, and owned by nobody
			contents = append(contents, namespace.Source{GroupVersionResource: resource})
			continue
		}
		informer := d.informer(resource, ours)
		owners = append(owners, garbage.Source{GroupVersionResource: resource, Kind: kind.Kind, Namespaced: kind.Namespaced, Informer: informer})
		if kind.Namespaced {
			contents = append(contents, namespace.Source{GroupVersionResource: resource, Informer: informer})
		}
	}
	return owners, contents
}

func (d *daemon) informer(resource schema.GroupVersionResource, ours metadatainformer.SharedInformerFactory) cache.SharedIndexInformer {
	if shared, err := d.server.Informers().ForResource(resource); err == nil {
		return shared.Informer()
	}
	return ours.ForResource(resource).Informer()
}

// counted are the kinds of which quotas count the objects: all that namespaces contain but Events.
func counted(contents []namespace.Source) []resourcequota.Source {
	var sources []resourcequota.Source
	for _, each := range contents {
		if each.Informer != nil {
			sources = append(sources, resourcequota.Source{GroupVersionResource: each.GroupVersionResource, Informer: each.Informer})
		}
	}
	return sources
}
