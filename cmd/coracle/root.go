package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "coracle",
		Short: "Runs Kubernetes manifests from a Git repository on Docker hosts",
		Long: `coracle watches a Git repository (or a directory) of Kubernetes manifests and makes
Docker hosts match it: git push deploys, git revert rolls back, kubectl shows it all.

The daemon is coracle serve; all other verbs ask it, and find it by its data directory.`,
		Example: `  coracle serve --repo https://git.example.org/shop.git
  coracle plan --dir ./manifests
  git push && coracle sync --wait
  coracle status
  coracle history
  coracle kubectl get pods`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, command.CommandPath())
	})
	root.AddCommand(newServe(), newNode(), newPlan(), newSync(), newStatus(), newHistory(), newKubectl(), newToken(), newUser(), newVersion())
	return root
}

// complete gives the shell the values of a flag.
func complete(command *cobra.Command, flag string, values ...cobra.Completion) {
	if err := command.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag
	}
}

// dataDirFlag adds --data-dir, which every verb that speaks to a daemon on this machine has.
func dataDirFlag(command *cobra.Command, dir *string) {
	command.Flags().StringVar(dir, "data-dir", defaultDataDir(), "`directory` of the daemon's data and kubeconfig")
}

// defaultDataDir is /var/lib/coracle for root, and in the user's data directory for others.
func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/coracle"
	}
	if data := os.Getenv("XDG_DATA_HOME"); data != "" {
		return filepath.Join(data, "coracle")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "coracle-data"
	}
	return filepath.Join(home, ".local", "share", "coracle")
}
