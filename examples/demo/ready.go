package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/docker/docker/client"
	"github.com/spf13/cobra"

	"coracle.dev/coracle/examples/demo/machine"
	walkthrough "coracle.dev/coracle/examples/walkthrough/images"
)

// testPrograms are what tests call beside Go: Git's and SSH's other sides, a C compiler for the race detector, a shell and
// tar for images, what makes a network of a test's own, what the image and the units of deploy are made and looked at with, and
// processors that this machine is not.
var testPrograms = []machine.Program{
	{Name: "git", Package: "git"},
	{Name: "sshd", Package: "openssh-server"},
	{Name: "ssh-keygen", Package: "openssh-client"},
	{Name: "gcc", Package: "gcc"},
	{Name: "/usr/include/stdio.h", Package: "libc6-dev"},
	{Name: "busybox", Package: "busybox-static"},
	{Name: "ip", Package: "iproute2"},
	{Name: "/etc/ssl/certs/ca-certificates.crt", Package: "ca-certificates"},
	{Name: "systemd-analyze", Package: "systemd"},
	{Name: "qemu-aarch64-static", Package: "qemu-user-static"},
	{Name: "qemu-arm-static", Package: "qemu-user-static"},
}

func newReadyCommand() *cobra.Command {
	var log string
	command := &cobra.Command{
		Use:   "ready",
		Short: "Ready this machine for `make test`: install what is missing, start the Docker Engine, make the walkthroughs' images",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := machine.Ready(command.Context(), command.OutOrStdout(), log, testPrograms); err != nil {
				return err
			}
			return makeWalkthroughImages(command.Context(), command.OutOrStdout())
		},
	}
	command.Flags().StringVar(&log, "engine-log", "/tmp/dockerd.log", "log of an engine that is started without systemd")
	return command
}

func makeWalkthroughImages(ctx context.Context, out io.Writer) error {
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return fmt.Errorf("make a Docker client: %w", err)
	}
	defer docker.Close()
	made, err := walkthrough.Make(ctx, docker)
	if len(made) > 0 {
		fmt.Fprintln(out, "made images", strings.Join(made, ", "))
	}
	return err
}
