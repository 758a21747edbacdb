package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/logs"
	"k8s.io/klog/v2"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/plugin"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"

	"coracle.dev/coracle/reconcile/apiserver"
)

// newKubectl is the real kubectl, as a library, with the daemon's kubeconfig.
func newKubectl() *cobra.Command {
	return &cobra.Command{
		Use:   "kubectl [--data-dir DIR] ARGS...",
		Short: "The real kubectl, speaking to this machine's daemon",
		Long: `Runs kubectl, built into coracle, with the kubeconfig of the daemon on this machine.
Everything after "kubectl" is kubectl's own; only --data-dir, if it comes first, is coracle's.
A --kubeconfig of yours is taken instead, and so is $KUBECONFIG if there is no --data-dir.`,
		Example: `  coracle kubectl get pods
  coracle kubectl rollout history deployment/web
  coracle kubectl --data-dir ./data logs -f deployment/web`,
		DisableFlagParsing: true,
		RunE: func(command *cobra.Command, args []string) error {
			dataDir, args := cutDataDir(args)
			given := dataDir != ""
			dataDir = cmp.Or(dataDir, defaultDataDir())
			path := kubeconfigPath("", dataDir, given, os.Getenv("KUBECONFIG"))
			cmdutil.BehaviorOnFatal(func(message string, code int) {
				_, _ = fmt.Fprint(os.Stderr, explainKubectl(message, path, dataDir))
				os.Exit(code)
			})
			klog.ClearLogger() // kubectl's own, on standard error
			streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
			flags := genericclioptions.NewConfigFlags(true).WithDeprecatedPasswordFlag().WithDiscoveryBurst(300).WithDiscoveryQPS(50)
			kubeconfig := path // "" is $KUBECONFIG
			flags.KubeConfig = &kubeconfig
			flags.WithWrapConfigFn(func(config *rest.Config) *rest.Config {
				// The API names who changed a field by the program's name: that is not the GitOps loop, which is "coracle".
				config.UserAgent = "kubectl/" + apiserver.Version()
				return config
			})
			run := kubectl.NewDefaultKubectlCommandWithArgs(kubectl.KubectlOptions{
				PluginHandler: kubectl.NewDefaultPluginHandler(plugin.ValidPluginFilenamePrefixes),
				Arguments:     slices.Concat([]string{"kubectl"}, args),
				ConfigFlags:   flags,
				IOStreams:     streams,
			})
			logs.AddFlags(run.PersistentFlags()) // -v, as kubectl's own main does
			run.SetArgs(args)
			return run.ExecuteContext(command.Context())
		},
	}
}

// explainKubectl is kubectl's last message, in our words where it misses the daemon's kubeconfig: what needs no server works
// without that, so only kubectl knows when it is missed.
func explainKubectl(message, kubeconfig, dataDir string) string {
	if kubeconfig != "" && strings.Contains(message, kubeconfig) {
		if problem := checkKubeconfig(kubeconfig, dataDir); problem != nil {
			message = "coracle: " + problem.Error()
		}
	}
	if message != "" && !strings.HasSuffix(message, "\n") {
		message += "\n"
	}
	return message
}

// cutDataDir takes a leading --data-dir off kubectl's arguments. dataDir is "" where there is none.
func cutDataDir(args []string) (dataDir string, rest []string) {
	if len(args) >= 2 && args[0] == "--data-dir" {
		return args[1], args[2:]
	}
	if len(args) >= 1 {
		if dir, ok := strings.CutPrefix(args[0], "--data-dir="); ok {
			return dir, args[1:]
		}
	}
	return "", args
}
