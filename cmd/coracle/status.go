package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"coracle.dev/coracle/reconcile"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func newStatus() *cobra.Command {
	var connection connection
	var format output
	command := &cobra.Command{
		Use:   "status [APPLICATION]",
		Short: "Show which revision runs, whether all of it is there, and how well it is",
		Long: `Shows the applications: the revision that was applied last, whether the cluster holds what the source says, whether all
objects are healthy, and what happens or is wrong. Below an application are those of its objects that are not healthy.

Exit status: 0 if all applications shown are synced and healthy, 1 if one is not or if there are none, 2 if the daemon
cannot be asked.`,
		Example: `  coracle status
  coracle status shop
  until coracle status >/dev/null; do sleep 1; done   # or: coracle sync --wait
  coracle status -o json | jq -r '.[].message'`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeApplications(&connection), Annotations: failsWith(exitTrouble),
		RunE: func(command *cobra.Command, args []string) error {
			reports, err := collectStatus(command.Context(), &connection, args)
			if err != nil {
				return err
			}
			if format == "json" {
				err = printJSON(command.OutOrStdout(), reports)
			} else {
				err = printStatus(command.OutOrStdout(), reports)
			}
			if err == nil && !allWell(reports) {
				err = exit(exitDiffers)
			}
			return err
		},
	}
	connection.register(command)
	format.register(command)
	return command
}

// statusReport is what `coracle status` says of one Application.
type statusReport struct {
	Name      string                `json:"name"`
	Namespace string                `json:"namespace"`
	Revision  *v1alpha1.Revision    `json:"revision,omitempty"`
	Observed  string                `json:"observedRevision,omitempty"`
	Sync      string                `json:"sync"`
	Health    string                `json:"health"`
	Reason    string                `json:"reason,omitempty"` // of the condition Ready
	Message   string                `json:"message,omitempty"`
	Objects   v1alpha1.ObjectCounts `json:"objects"`
	// Troubles are the objects that are not healthy.
	Troubles []reconcile.Trouble `json:"troubles,omitempty"`

	ready bool
	shown string
}

func collectStatus(ctx context.Context, connection *connection, args []string) ([]statusReport, error) {
	server, err := connection.open()
	if err != nil {
		return nil, err
	}
	all, err := server.applications(ctx)
	if err != nil {
		return nil, err
	}
	if len(args) > 0 {
		app, err := findApplication(all, args[0])
		if err != nil {
			return nil, err
		}
		all = []v1alpha1.Application{*app}
	}
	reports := make([]statusReport, len(all))
	for i := range all {
		reports[i] = reportStatus(&all[i])
		if all[i].Status.Health == v1alpha1.HealthHealthy {
			continue
		}
		if reports[i].Troubles, err = reconcile.Troubles(ctx, server.cluster, &all[i]); err != nil {
			return nil, server.explain(err)
		}
	}
	return reports, nil
}

// reportStatus is all that the Application itself tells.
func reportStatus(app *v1alpha1.Application) statusReport {
	status := app.Status
	report := statusReport{
		Name: app.Name, Namespace: app.Namespace, Revision: status.Revision, Observed: status.ObservedRevision,
		Sync: cmp.Or(status.Sync, v1alpha1.SyncUnknown), Health: cmp.Or(status.Health, v1alpha1.HealthUnknown),
		Message: status.Message, Objects: status.Objects, shown: appName(app),
	}
	for _, condition := range status.Conditions {
		if condition.Type == v1alpha1.ConditionReady {
			report.Reason, report.ready = condition.Reason, condition.Status == "True"
		}
	}
	if status.ObservedGeneration != app.Generation {
		report.ready = false
	}
	return report
}

// allWell says whether there is an Application, and none that is not as it should be.
func allWell(reports []statusReport) bool {
	for _, report := range reports {
		if !report.ready || report.Sync != v1alpha1.SyncSynced || report.Health != v1alpha1.HealthHealthy {
			return false
		}
	}
	return len(reports) > 0
}

// printStatus writes a table, and below each line what is wrong with its objects.
func printStatus(w io.Writer, reports []statusReport) error {
	if len(reports) == 0 {
		_, err := fmt.Fprintln(w, "there are no applications yet")
		return err
	}
	var table bytes.Buffer
	columns := tabwriter.NewWriter(&table, 0, 0, 3, ' ', 0)
	fmt.Fprintln(columns, "NAME\tREVISION\tSYNC\tHEALTH\tOBJECTS\tMESSAGE")
	for _, report := range reports {
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%d/%d\t%s\n", report.shown, report.revisions(), report.Sync, report.Health,
			report.Objects.Healthy, report.Objects.Desired, oneLine(report.Message))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	lines := strings.SplitAfter(table.String(), "\n")
	text := lines[0]
	for i, report := range reports {
		text += strings.TrimRight(lines[i+1], " \n") + "\n" + report.details()
	}
	_, err := io.WriteString(w, text)
	return err
}

// revisions are the one that runs and, where it is another, the one that should.
func (r statusReport) revisions() string {
	applied, observed := "-", shortRevision(r.Observed)
	if r.Revision != nil {
		applied = shortRevision(r.Revision.ID)
		if r.Revision.ID == r.Observed {
			return applied
		}
	}
	if observed == "" {
		return applied
	}
	return applied + " → " + observed
}

// details are the lines below an Application's own.
func (r statusReport) details() string {
	text := ""
	if n := r.Objects.Failed; n > 0 {
		text += fmt.Sprintf("  %s: %d refused, held back or not loaded; see all with: coracle plan %s\n", r.Reason, n, r.shown)
	}
	for _, trouble := range r.Troubles {
		text += fmt.Sprintf("  %s: %s: %s\n", trouble.Object, trouble.Health, oneLine(trouble.Message))
	}
	return text
}

// oneLine keeps a message of several lines from breaking a table.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
