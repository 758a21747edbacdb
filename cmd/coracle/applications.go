package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

// requestTimeout bounds what one question to the API may take.
const requestTimeout = 15 * time.Second

// applications are all that the server has, by namespace and name.
func (r *remote) applications(ctx context.Context) ([]v1alpha1.Application, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	raw, err := r.client.Resource(v1alpha1.ApplicationResource).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil, missing(fmt.Sprintf("the server at %s has no Applications: it is not a coracle daemon (%s says to ask it)", r.address, r.config))
	}
	if err != nil {
		return nil, r.explain(err)
	}
	var list v1alpha1.ApplicationList
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.UnstructuredContent(), &list); err != nil {
		return nil, fmt.Errorf("decode applications: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.Application) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return list.Items, nil
}

// application asks for all and finds the one that the arguments mean.
func (r *remote) application(ctx context.Context, args []string) (*v1alpha1.Application, error) {
	all, err := r.applications(ctx)
	if err != nil {
		return nil, err
	}
	return findApplication(all, strings.Join(args, ""))
}

// missing says in a sentence that the Application that is meant does not exist.
type missing string

func (m missing) Error() string { return string(m) }

// appName is how an Application is named on the command line: "shop", or "team-a/shop" outside the namespace default.
func appName(app *v1alpha1.Application) string {
	if app.Namespace == metav1.NamespaceDefault {
		return app.Name
	}
	return app.Namespace + "/" + app.Name
}

// findApplication finds the one that is asked for: "" is the one named default, or the only one there is; a name without its
// namespace is enough where no other has it.
func findApplication(all []v1alpha1.Application, wanted string) (*v1alpha1.Application, error) {
	var names []string
	var matches []*v1alpha1.Application
	for i := range all {
		app := &all[i]
		names = append(names, appName(app))
		switch wanted {
		case appName(app), app.Namespace + "/" + app.Name:
			return app, nil
		case "":
			if appName(app) == "default" {
				return app, nil
			}
			matches = append(matches, app)
		case app.Name:
			matches = append(matches, app)
		}
	}
	switch {
	case len(matches) == 1:
		return matches[0], nil
	case len(all) == 0:
		return nil, missing("there are no applications yet")
	case len(matches) > 1:
		return nil, fmt.Errorf("which application? There are: %s", strings.Join(names, ", "))
	}
	return nil, missing(fmt.Sprintf("there is no application %q; there are: %s", wanted, strings.Join(names, ", ")))
}

// completeApplications gives the shell the names of applications.
func completeApplications(c *connection) cobra.CompletionFunc {
	return func(command *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const patience = 2 * time.Second // a person waits for the prompt
		ctx, cancel := context.WithTimeout(command.Context(), patience)
		defer cancel()
		server, err := c.open()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all, err := server.applications(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := make([]cobra.Completion, len(all))
		for i := range all {
			names[i] = cobra.CompletionWithDesc(appName(&all[i]), all[i].Status.Message)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func shortRevision(id string) string { return gitsource.Revision{ID: id}.Short() }
