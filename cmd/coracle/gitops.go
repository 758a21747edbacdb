package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"

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
	spec, credentials, err := d.options.application()
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
		if err := reconcile.EnsureDefault(ctx, client, spec); err != nil {
			return err
		}
		return loop.Run(ctx)
	}, nil
}

// gitCredentials open the repositories of all Applications.
type gitCredentials struct {
	username, password, passwordFile string
	sshKey, knownHosts               string
}

var fullCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// application is what the flags ask for. A password in the URL stays with the process: it is nowhere stored or shown.
func (o *serveOptions) application() (v1alpha1.ApplicationSpec, gitCredentials, error) {
	credentials := gitCredentials{username: o.username, passwordFile: o.passwordFile, sshKey: o.sshKey, knownHosts: o.knownHosts}
	spec := v1alpha1.ApplicationSpec{Schedule: o.poll, Source: v1alpha1.ApplicationSource{Path: o.path}}
	if o.dir != "" {
		dir, err := filepath.Abs(o.dir)
		if err != nil {
			return spec, credentials, fmt.Errorf("--dir: %w", err)
		}
		spec.Source.Dir = dir
		return spec, credentials, nil
	}
	repo := o.repo
	if parsed, err := url.Parse(repo); err == nil && parsed.User != nil && (parsed.Scheme == "http" || parsed.Scheme == "https") {
		credentials.username = parsed.User.Username()
		credentials.password, _ = parsed.User.Password()
		parsed.User = nil
		repo = parsed.String()
	} else if _, err := os.Stat(repo); err == nil { // a path of this machine
		if repo, err = filepath.Abs(repo); err != nil {
			return spec, credentials, fmt.Errorf("--repo: %w", err)
		}
	}
	spec.Source.Repo = repo
	if fullCommit.MatchString(o.branch) {
		spec.Source.Commit = o.branch
	} else {
		spec.Source.Branch = o.branch
	}
	return spec, credentials, nil
}

// openSource is the source of an Application. cache is a directory of its own.
func openSource(spec v1alpha1.ApplicationSpec, cache string, credentials gitCredentials) (gitsource.Source, error) {
	from := spec.Source
	if from.Dir != "" {
		return gitsource.NewDirectory(gitsource.DirectoryOptions{Dir: from.Dir, Path: from.Path})
	}
	options := gitsource.GitOptions{
		URL: from.Repo, Ref: from.Branch + from.Tag + from.Commit, Path: from.Path, CacheDir: cache, Schedule: spec.Schedule,
		Username: credentials.username, Password: credentials.password, PasswordFile: credentials.passwordFile, KeyFile: credentials.sshKey,
	}
	if credentials.knownHosts != "" {
		options.KnownHostsFiles = []string{credentials.knownHosts}
	}
	return gitsource.NewGit(options)
}
