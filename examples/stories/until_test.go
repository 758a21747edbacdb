package stories

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"time"
)

// pause between two questions: kubectl takes a tenth of a second of a core for each.
const pause = 200 * time.Millisecond

// until is the program
//
//	until [-for 90s] [-not] PATTERN COMMAND [ARGUMENT...]
//
// It runs the command until what it prints matches (with -not: no longer matches), prints that, and fails when the time is over.
func until() {
	q := ask(90 * time.Second)
	output, ok := q.run()
	for deadline := time.Now().Add(q.duration); !ok && time.Now().Before(deadline); output, ok = q.run() {
		<-time.After(pause)
	}
	os.Stdout.Write(output)
	if !ok {
		fmt.Fprintf(os.Stderr, "until: after %s, this is still so\n", q.duration)
		os.Exit(1)
	}
}

// holds is the program
//
//	holds [-for 3s] [-not] PATTERN COMMAND [ARGUMENT...]
//
// It runs the command again and again for that time, and fails as soon as what it prints does not match (with -not: matches).
func holds() {
	q := ask(3 * time.Second)
	output, ok := q.run()
	for deadline := time.Now().Add(q.duration); ok && time.Now().Before(deadline); output, ok = q.run() {
		<-time.After(pause)
	}
	os.Stdout.Write(output)
	if !ok {
		fmt.Fprintln(os.Stderr, "holds: it holds no longer")
		os.Exit(1)
	}
}

// question is a command, and what its output shall look like.
type question struct {
	duration time.Duration
	not      bool
	pattern  *regexp.Regexp
	command  []string
}

func ask(duration time.Duration) question {
	var q question
	flag.DurationVar(&q.duration, "for", duration, "how long")
	flag.BoolVar(&q.not, "not", false, "no match is wanted")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "want a pattern and a command")
		os.Exit(2)
	}
	q.pattern, q.command = regexp.MustCompile("(?m)"+flag.Arg(0)), flag.Args()[1:]
	return q
}

// run gives all that the command prints, and whether that is the answer. One that fails has not printed what is to be
// absent from it.
func (q question) run() ([]byte, bool) {
	output, err := exec.Command(q.command[0], q.command[1:]...).CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		output = []byte(err.Error())
	}
	if q.not {
		return output, err == nil && !q.pattern.Match(output)
	}
	return output, q.pattern.Match(bytes.TrimSpace(output))
}
