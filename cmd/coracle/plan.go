package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/reconcile"
	"coracle.dev/coracle/reconcile/api"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func newPlan() *cobra.Command {
	var connection connection
	var from sourceOptions
	var format output
	command := &cobra.Command{
		DisableFlagsInUseLine: true,
		Use:                   "plan [--repo URL | --dir PATH] [--branch REF] [--path SUB] [APPLICATION]",
		Short:                 "Show what a sync would create, change and prune, and change nothing",
		Long: `Plans as the daemon does, and prints what it would do, object by object and field by field, with file and reason.
Nothing is written: the API server only tries the changes (dry run), and the daemon's clone is left alone.

Without --repo and --dir the source is the application's own, read from this machine; --branch and --path change no
more than that part of it, so that "coracle plan --branch feature" shows what merging would do. With --repo or --dir the
application need not exist yet.

Exit status: 0 if there is nothing to do, 1 if there are changes, 2 if planning fails or if something in the source
cannot be loaded or is refused.`,
		Example: `  coracle plan
  coracle plan --branch feature
  coracle plan --dir ./manifests shop
  coracle plan --repo https://git.example.org/shop.git --branch main -o json`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeApplications(&connection), Annotations: failsWith(exitTrouble),
		RunE: func(command *cobra.Command, args []string) error {
			if err := from.validate(); err != nil {
				return err
			}
			plan, err := makePlan(command.Context(), &connection, &from, args)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			if format == "json" {
				err = plan.PrintJSON(out)
			} else {
				err = plan.PrintText(out, wantsColours(out))
			}
			if code := planExit(plan); err == nil && code != exitOK {
				err = exit(code)
			}
			return err
		},
	}
	command.Flags().SortFlags = false
	from.register(command.Flags())
	connection.register(command)
	format.register(command)
	return command
}

// planExit is the exit code that tells scripts what a plan says.
func planExit(plan reconcile.Plan) int {
	switch {
	case len(plan.Problems) > 0 || plan.Count(reconcile.ActionRefuse) > 0:
		return exitTrouble
	case !plan.Empty():
		return exitDiffers
	}
	return exitOK
}

func makePlan(ctx context.Context, connection *connection, from *sourceOptions, args []string) (reconcile.Plan, error) {
	server, err := connection.open()
	if err != nil {
		return reconcile.Plan{}, err
	}
	app, err := server.application(ctx, args)
	if absent := missing(""); errors.As(err, &absent) && from.repo+from.dir != "" {
		app, err = newApplication(strings.Join(args, "")), nil
	}
	if err != nil {
		return reconcile.Plan{}, err
	}
	credentials, err := from.applyTo(&app.Spec.Source)
	if err != nil {
		return reconcile.Plan{}, err
	}
	cache, err := openPlanCache(app.Spec.Source.Repo)
	if err != nil {
		return reconcile.Plan{}, err
	}
	defer cache.close()
	source, err := openSource(app.Spec, cache.dir, credentials)
	if err != nil {
		return reconcile.Plan{}, err
	}
	defer source.Close()
	snapshot, err := source.Fetch(ctx)
	if ctx.Err() != nil {
		return reconcile.Plan{}, fmt.Errorf("interrupted while reading %s", source)
	}
	if err != nil {
		return reconcile.Plan{}, err
	}
	plan, err := reconcile.Preview(ctx, server.cluster, api.Scheme, app, snapshot)
	return plan, server.explain(err)
}

// newApplication stands for one that does not exist yet.
func newApplication(name string) *v1alpha1.Application {
	namespace, name, found := strings.Cut(cmp.Or(name, "default"), "/")
	if !found {
		namespace, name = metav1.NamespaceDefault, namespace
	}
	app := &v1alpha1.Application{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	app.Spec.Namespace = metav1.NamespaceDefault
	return app
}
