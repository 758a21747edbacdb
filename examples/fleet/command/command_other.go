//go:build !linux

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newCommand() *cobra.Command {
	return &cobra.Command{
		Use: "fleet", SilenceUsage: true, SilenceErrors: true, DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("a fleet needs Linux: it is made of network namespaces")
		},
	}
}
