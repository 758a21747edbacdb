package main

import (
	"context"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagSet is the options of a verb.
type flagSet interface {
	register(flags *pflag.FlagSet)
	validate() error
}

// longRunning completes a verb that runs until it is stopped: its flags may also be the keys of the file config, and it logs.
func longRunning(command *cobra.Command, options flagSet, config, logLevel *string, run func(context.Context, zerolog.Logger) error) {
	command.Args = cobra.NoArgs
	command.RunE = func(command *cobra.Command, _ []string) error {
		if *config != "" {
			if err := readConfig(*config, command.Flags()); err != nil {
				return err
			}
		}
		if err := options.validate(); err != nil {
			return err
		}
		level, err := zerolog.ParseLevel(*logLevel)
		if err != nil {
			return err
		}
		return run(command.Context(), newLogger(level))
	}
	command.Flags().SortFlags = false // in the order in which they matter
	options.register(command.Flags())
	complete(command, "engine", "docker", "memory")
	complete(command, "log-level", logLevels...)
}
