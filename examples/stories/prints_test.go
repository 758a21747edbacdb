package stories

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/testscript"
)

// prints is the program
//
//	prints [-for 90s] [-any-order] FILE COMMAND [ARGUMENT...]
//
// It runs the command until what it prints is what the file has, both masked, and fails with the difference when the time
// is over. -any-order takes the lines in any order: names that are generated sort one way or the other.
func prints() {
	duration := flag.Duration("for", 90*time.Second, "how long")
	anyOrder := flag.Bool("any-order", false, "lines may come in any order")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "want a file and a command")
		os.Exit(2)
	}
	text, err := os.ReadFile(flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "prints:", err)
		os.Exit(2)
	}
	want := printed(string(text), *anyOrder)
	deadline := time.Now().Add(*duration)
	for {
		output, err := exec.Command(flag.Arg(1), flag.Args()[2:]...).CombinedOutput()
		if _, exited := err.(*exec.ExitError); err != nil && !exited {
			output = []byte(err.Error())
		}
		got := printed(string(output), *anyOrder)
		if got == want {
			os.Stdout.Write(output)
			return
		}
		if time.Now().After(deadline) {
			os.Stderr.Write(diff.Diff(flag.Arg(0), []byte(want), "printed", []byte(got)))
			fmt.Fprintf(os.Stderr, "prints: after %s, this still differs\n", *duration)
			os.Exit(1)
		}
		<-time.After(pause)
	}
}

func printed(text string, anyOrder bool) string {
	text = masked(text, names())
	if !anyOrder {
		return text
	}
	lines := slices.Sorted(strings.Lines(text))
	return strings.Join(lines, "")
}

// name is the word
//
//	name NAME COMMAND [ARGUMENT...]
//
// It keeps what the command prints in the variable, as capture does, and that is called so in what prints compares.
func name(ts *testscript.TestScript, neg bool, args []string) {
	capture(ts, neg, args)
	value := ts.Getenv(args[0])
	if value == "" || strings.ContainsAny(value, "\n=") {
		ts.Fatalf("%q cannot have a name", value)
	}
	ts.Setenv(namesVariable, ts.Getenv(namesVariable)+args[0]+"="+value+"\n")
}
