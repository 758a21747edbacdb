package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func newHistory() *cobra.Command {
	var connection connection
	var format output
	command := &cobra.Command{
		Use:   "history [APPLICATION]",
		Short: "Show the commits that were rolled out, what each changed, and how it ended",
		Long: `Shows the rollouts of an application, newest first: the commit, when it was applied, how the rollout ended and after how
long, and which objects it created (+), changed (~) and pruned (-). Commits that changed no object are left out.

Results: Progressing, Healthy, Degraded (it did not become healthy), Failed (something could not be loaded or applied),
Superseded (the next commit came before it was healthy).`,
		Example: `  coracle history
  coracle history shop
  coracle history -o json | jq -r '.[] | select(.result == "Failed") | .id'`,
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
			if format == "json" {
				return printJSON(command.OutOrStdout(), append([]v1alpha1.HistoryEntry{}, app.Status.History...))
			}
			return printHistory(command.OutOrStdout(), app, time.Now())
		},
	}
	connection.register(command)
	format.register(command)
	return command
}

// printHistory writes a table, and below each line why its rollout failed.
func printHistory(w io.Writer, app *v1alpha1.Application, now time.Time) error {
	if len(app.Status.History) == 0 {
		_, err := fmt.Fprintf(w, "nothing has been applied by %s yet\n", appName(app))
		return err
	}
	var table strings.Builder
	columns := tabwriter.NewWriter(&table, 0, 0, 3, ' ', 0)
	fmt.Fprintln(columns, "REVISION\tAGE\tRESULT\tTOOK\tCHANGES\tCOMMIT")
	for _, entry := range app.Status.History {
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\t%s\n", shortRevision(entry.ID), duration.HumanDuration(now.Sub(entry.StartedAt.Time)),
			entry.Result, took(entry), changeList(entry.Changes), commitText(entry.Revision))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	lines := strings.SplitAfter(table.String(), "\n")
	text := lines[0]
	for i, entry := range app.Status.History {
		text += strings.TrimRight(lines[i+1], " \n") + "\n"
		if entry.Message != "" {
			text += "  " + oneLine(entry.Message) + "\n"
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

// took is how long the rollout was on its way.
func took(entry v1alpha1.HistoryEntry) string {
	if entry.FinishedAt == nil {
		return "-"
	}
	return duration.HumanDuration(entry.FinishedAt.Sub(entry.StartedAt.Time))
}

// shownNames is how many objects one line of the history names.
const shownNames = 2

// changeList names what was changed, as "~Deployment default/web, +ConfigMap default/web and 3 more".
func changeList(changes v1alpha1.Changes) string {
	var names []string
	for _, list := range []struct {
		sign  string
		names []string
	}{{"~", changes.Changed}, {"+", changes.Created}, {"-", changes.Pruned}} {
		for _, name := range list.names {
			names = append(names, list.sign+name)
		}
	}
	total := max(int(changes.Total), len(names))
	shown := names[:min(shownNames, len(names))]
	text := strings.Join(shown, ", ")
	if more := total - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// commitText is "web: v3 (Ada)"; "" for a directory outside any repository.
func commitText(revision v1alpha1.Revision) string {
	if revision.Author == "" {
		return revision.Subject
	}
	return fmt.Sprintf("%s (%s)", revision.Subject, revision.Author)
}
