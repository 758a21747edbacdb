// Command demo runs coracle on a repository of its own, and prepares what that needs: a Docker Engine, images on it, and a
// Git repository with a history.
//
//	bin/demo run                                  all of it; `make run`
//	bin/demo clean                                removes all of it; `make clean-demo`
//	go run ./examples/demo images                 web:v1, web:v2 and web:v3, built on the engine
//	go run ./examples/demo repository demo.git    a bare repository that runs them
//	bin/demo ready                                a machine that `make test` can use
//
// All can be run again: images that are there are left alone, and so is a repository.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/client"
	"github.com/spf13/cobra"

	"coracle.dev/coracle/examples/demo/images"
	"coracle.dev/coracle/examples/demo/repository"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{Use: "demo", Short: "Run the demo, and prepare what it needs", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(newRunCommand(), newCleanCommand(), newImagesCommand(), newRepositoryCommand(), newReadyCommand())
	return root
}

func newImagesCommand() *cobra.Command {
	var host, name string
	command := &cobra.Command{
		Use:   "images",
		Short: "Build the demo's images on a Docker Engine, without a registry",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return buildImages(command.Context(), command.OutOrStdout(), host, name)
		},
	}
	command.Flags().StringVar(&host, "docker-host", "", "address of the Docker Engine (default: $DOCKER_HOST, then its usual socket)")
	command.Flags().StringVar(&name, "name", "web", "name of the images")
	return command
}

func buildImages(ctx context.Context, out io.Writer, host, name string) error {
	options := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if host != "" {
		options = append(options, client.WithHost(host))
	}
	docker, err := client.NewClientWithOpts(options...)
	if err != nil {
		return fmt.Errorf("make a Docker client: %w", err)
	}
	defer docker.Close()
	fmt.Fprintf(out, "building %s:{%s} ...\n", name, strings.Join(repository.Versions(), ","))
	loaded, err := images.Build(ctx, docker, name, repository.Versions()...)
	if err != nil {
		return err
	}
	if len(loaded) == 0 {
		fmt.Fprintln(out, "all images are there already")
		return nil
	}
	fmt.Fprintln(out, "built", strings.Join(loaded, ", "))
	return nil
}

func newRepositoryCommand() *cobra.Command {
	var version string
	command := &cobra.Command{
		Use:   "repository DIRECTORY",
		Short: "Make the demo's bare Git repository",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			return makeRepository(command.OutOrStdout(), arguments[0], version, time.Now())
		},
	}
	command.Flags().StringVar(&version, "version", "v3", "version of web at which the history ends: v1, v2 or v3")
	return command
}

func makeRepository(out io.Writer, directory, version string, now time.Time) error {
	if _, err := os.Stat(filepath.Join(directory, "HEAD")); err == nil {
		fmt.Fprintln(out, directory, "is there already")
		return nil
	}
	commits, err := repository.Create(directory, version, now)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "made %s, with branch %s:\n", directory, repository.Branch)
	for _, commit := range commits {
		fmt.Fprintf(out, "  %.7s %s\n", commit.ID, commit.Subject)
	}
	return nil
}
