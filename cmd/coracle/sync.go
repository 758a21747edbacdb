package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func newSync() *cobra.Command {
	var connection connection
	var await bool
	var timeout time.Duration
	command := &cobra.Command{
		Use:   "sync [APPLICATION]",
		Short: "Look for new commits now, and apply them",
		Long: `Asks the daemon to read the source of an application now, instead of when its schedule says, and to compare and apply all of
it. With --wait it stays until everything is applied and healthy, and tells what goes on.

Exit status: 0 if asked or, with --wait, if all is synced and healthy; 1 if not: something is refused or degraded, or
the time is over. The daemon goes on trying.`,
		Example: `  coracle sync
  git push && coracle sync --wait
  coracle sync shop --wait --timeout 10m`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeApplications(&connection),
		RunE: func(command *cobra.Command, args []string) error {
			server, err := connection.open()
			if err != nil {
				return err
			}
			app, err := server.application(command.Context(), args)
			if err != nil {
				return err
			}
			requested := time.Now().UTC()
			if err := server.requestSync(command.Context(), app, requested); err != nil {
				return err
			}
			if !await {
				_, err = fmt.Fprintf(command.OutOrStdout(), "%s: sync requested; follow it with: coracle sync --wait, or coracle status\n", appName(app))
				return err
			}
			ctx, cancel := watchtools.ContextWithOptionalTimeout(command.Context(), timeout)
			defer cancel()
			follow := follow{requested: requested, out: command.OutOrStdout()}
			err = server.watchApplication(ctx, app, follow.see)
			switch {
			case command.Context().Err() != nil:
				return errors.New("interrupted; the daemon goes on syncing")
			case ctx.Err() != nil:
				return fmt.Errorf("%s is not synced and healthy after %s: %s", appName(app), timeout, follow.message)
			}
			return err
		},
	}
	command.Flags().BoolVar(&await, "wait", false, "wait until everything is applied and healthy")
	command.Flags().DurationVar(&timeout, "timeout", 5*time.Minute, "how long to wait; 0 is for ever")
	connection.register(command)
	return command
}

func (r *remote) requestSync(ctx context.Context, app *v1alpha1.Application, at time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{v1alpha1.SyncRequestedAnnotation: at.Format(time.RFC3339Nano)},
	}})
	if err != nil {
		return err
	}
	_, err = r.client.Resource(v1alpha1.ApplicationResource).Namespace(app.Namespace).
		Patch(ctx, app.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "coracle-sync"})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("application %s was just deleted", appName(app))
	}
	return r.explain(err)
}

// watchApplication shows see each state of an Application, also across restarts of the daemon, until it is done, errs, or ctx ends.
func (r *remote) watchApplication(ctx context.Context, app *v1alpha1.Application, see func(*v1alpha1.Application) (done bool, err error)) error {
	resource := r.client.Resource(v1alpha1.ApplicationResource).Namespace(app.Namespace)
	only := fields.OneTermEqualSelector("metadata.name", app.Name).String()
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = only
			return resource.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = only
			return resource.Watch(ctx, options)
		},
	}
	_, err := watchtools.UntilWithSync(ctx, source, &unstructured.Unstructured{}, nil, func(event watch.Event) (bool, error) {
		if event.Type == watch.Deleted {
			return false, fmt.Errorf("application %s was deleted", appName(app))
		}
		raw, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			return false, nil
		}
		now := &v1alpha1.Application{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, now); err != nil {
			return false, fmt.Errorf("decode application %s: %w", appName(app), err)
		}
		return see(now)
	})
	return err
}

// follow tells what goes on in an Application until a sync that was requested has ended.
type follow struct {
	requested time.Time
	out       io.Writer
	last      string // line
	message   string // of the last state
}

func (f *follow) see(app *v1alpha1.Application) (done bool, err error) {
	status := app.Status
	f.message = oneLine(status.Message)
	if line := progressLine(app); line != f.last {
		f.last = line
		fmt.Fprintln(f.out, line)
	}
	done, failed := syncEnded(status, f.requested)
	switch {
	case failed && status.Objects.Failed > 1:
		return true, fmt.Errorf("%s: %s; see all %d with: coracle plan %[1]s", appName(app), f.message, status.Objects.Failed)
	case failed:
		return true, fmt.Errorf("%s: %s", appName(app), f.message)
	}
	return done, nil
}

// progressLine is "shop 1a2b3c4: OutOfSync, Progressing: applying 1a2b3c4".
func progressLine(app *v1alpha1.Application) string {
	report := reportStatus(app)
	return fmt.Sprintf("%s %s: %s, %s: %s", report.shown, report.revisions(), report.Sync, report.Health, oneLine(report.Message))
}

// syncEnded says whether the sync that was requested then, or a later one, is over: done if all went well, failed if a person has
// to do something.
func syncEnded(status v1alpha1.ApplicationStatus, requested time.Time) (done, failed bool) {
	handled, err := time.Parse(time.RFC3339Nano, status.SyncHandled)
	if err != nil || handled.Before(requested) {
		return false, false
	}
	return meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady), meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionStalled)
}
