package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// output is the flag -o: "" for people, or "json".
type output string

func (o *output) register(command *cobra.Command) {
	command.Flags().VarP(o, "output", "o", "json, for programs (default: a text for people)")
	complete(command, "output", "json")
}

// String implements pflag.Value.
func (o *output) String() string { return string(*o) }

// Type implements pflag.Value.
func (o *output) Type() string { return "format" }

// Set implements pflag.Value.
func (o *output) Set(value string) error {
	if value != "json" {
		return fmt.Errorf("it is json, or left out")
	}
	*o = output(value)
	return nil
}

// printJSON writes a value, indented.
func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// wantsColours says whether w is a terminal whose user has not asked for plain text (https://no-color.org).
func wantsColours(w io.Writer) bool {
	file, isFile := w.(*os.File)
	return isFile && isTerminal(file) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
