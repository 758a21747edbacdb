package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"text/tabwriter"

	"github.com/docker/docker/client"
	"github.com/spf13/cobra"

	"coracle.dev/coracle/examples/fleet"
)

func newCommand() *cobra.Command {
	var dir string
	root := &cobra.Command{
		Use: "fleet", Short: "Bring up a fleet of real Docker Engines on this machine", SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) (err error) {
			dir, err = filepath.Abs(dir)
			return err
		},
	}
	root.PersistentFlags().StringVar(&dir, "dir", fleet.DefaultDir, "`directory` of all that the fleet keeps, on a disk")
	root.AddCommand(newUp(&dir), newDown(&dir), newStatus(&dir), newExec(&dir), newLoad(&dir))
	for _, verb := range []struct {
		name, does string
		do         func(context.Context, *fleet.Machine) error
	}{
		{"off", "Take the power from a machine", func(_ context.Context, m *fleet.Machine) error { return m.SwitchOff() }},
		{"on", "Give a machine its power back", func(ctx context.Context, m *fleet.Machine) error { return m.SwitchOn(ctx) }},
		{"cut", "Take the network from a machine", func(_ context.Context, m *fleet.Machine) error { return m.CutOff() }},
		{"mend", "Give a machine its network back", func(_ context.Context, m *fleet.Machine) error { return m.Reconnect() }},
	} {
		root.AddCommand(&cobra.Command{Use: verb.name + " MACHINE", Short: verb.does, Args: cobra.ExactArgs(1),
			RunE: func(command *cobra.Command, arguments []string) error {
				m, err := find(dir, arguments[0])
				if err != nil {
					return err
				}
				return verb.do(command.Context(), m)
			}})
	}
	return root
}

func find(dir, name string) (*fleet.Machine, error) {
	if err := fleet.Check(); err != nil {
		return nil, err
	}
	f, err := fleet.Open(dir)
	if err != nil {
		return nil, err
	}
	return f.Machine(name)
}

// lock has one command at a time bring a fleet up or down. It is a socket without a file, which the kernel takes back.
func lock(dir string) (unlock func(), err error) {
	socket, err := net.Listen("unix", "@coracle-fleet"+dir)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, errors.New("another command is bringing this fleet up or down: wait for it")
	}
	if err != nil {
		return nil, fmt.Errorf("lock the fleet: %w", err)
	}
	return func() { _ = socket.Close() }, nil
}

func newDown(dir *string) *cobra.Command {
	return &cobra.Command{Use: "down", Short: "Remove every trace of the fleet", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := fleet.Check(); err != nil {
				return err
			}
			unlock, err := lock(*dir)
			if err != nil {
				return err
			}
			defer unlock()
			_, there := os.Stat(*dir)
			if err := fleet.Down(*dir); err != nil {
				return err
			}
			if there != nil {
				fmt.Fprintln(command.OutOrStdout(), "there is no fleet")
				return nil
			}
			fmt.Fprintln(command.OutOrStdout(), "removed the fleet: its machines, their network and", *dir)
			return nil
		}}
}

func newStatus(dir *string) *cobra.Command {
	return &cobra.Command{Use: "status", Short: "Say what the machines are doing", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := fleet.Check(); err != nil {
				return err
			}
			f, err := fleet.Open(*dir)
			if err != nil {
				return err
			}
			return status(command.OutOrStdout(), f)
		}}
}

func status(out io.Writer, f *fleet.Fleet) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "MACHINE\tADDRESS\tSTATE\tENGINE\tLOG")
	for _, m := range f.Machines() {
		state, err := m.State()
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", m.Name, m.Address, state, m.EngineHost(), m.Log())
	}
	return table.Flush()
}

func newExec(dir *string) *cobra.Command {
	command := &cobra.Command{Use: "exec MACHINE COMMAND [ARGUMENT...]", Short: "Run a command on a machine", Args: cobra.MinimumNArgs(2),
		RunE: func(command *cobra.Command, arguments []string) error {
			m, err := find(*dir, arguments[0])
			if err != nil {
				return err
			}
			run, err := m.Command(command.Context(), arguments[1], arguments[2:]...)
			if err != nil {
				return err
			}
			run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
			err = run.Run()
			var exited *exec.ExitError
			if errors.As(err, &exited) {
				os.Exit(exited.ExitCode()) // it has said itself what is wrong
			}
			return err
		}}
	command.Flags().SetInterspersed(false) // what follows the machine is the command's
	return command
}

func newLoad(dir *string) *cobra.Command {
	return &cobra.Command{Use: "load IMAGE...", Short: "Copy images of this machine's engine to all others", Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, images []string) error {
			if err := fleet.Check(); err != nil {
				return err
			}
			f, err := fleet.Open(*dir)
			if err != nil {
				return err
			}
			docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
			if err != nil {
				return fmt.Errorf("make a Docker client: %w", err)
			}
			defer docker.Close()
			var failed []error
			for _, m := range f.Machines() {
				failed = append(failed, m.Load(command.Context(), docker, images...))
			}
			return errors.Join(failed...)
		}}
}
