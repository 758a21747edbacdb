package main

import (
	"context"
	"fmt"
	"path/filepath"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile"
	"coracle.dev/coracle/reconcile/api"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

// gitops makes the GitOps loop, and the Application named default that stands for the daemon's flags.
func (d *daemon) gitops() (func(context.Context) error, error) {
	client, err := dynamic.NewForConfig(d.server.RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("make the dynamic client: %w", err)
	}
	served, err := discovery.NewDiscoveryClientForConfig(d.server.RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("make the discovery client: %w", err)
	}
	source, credentials, err := d.options.source()
	if err != nil {
		return nil, err
	}
	loop := reconcile.New(reconcile.Options{
		Client: client, Cluster: reconcile.NewCluster(client, served), Scheme: api.Scheme, Log: d.log,
		NewSource: func(app *v1alpha1.Application) (gitsource.Source, error) {
			cache := filepath.Join(d.options.dataDir, "git", app.Namespace, app.Name)
			return openSource(app.Spec, cache, credentials)
		},
	})
	return func(ctx context.Context) error {
		if err := reconcile.EnsureDefault(ctx, client, v1alpha1.ApplicationSpec{Source: source, Schedule: d.options.poll}); err != nil {
			return err
		}
		return loop.Run(ctx)
	}, nil
}
