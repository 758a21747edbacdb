// Command bench measures coracle from outside: it starts the real daemon, drives it through its API, a Git repository and
// the container engine, and prints one line a figure. Nothing here passes or fails by time; what depends on the
// machine's speed is given beside the same work done without coracle, in the same run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// figure is one thing to measure. It prints through report.
type figure struct {
	name    string
	measure func(ctx context.Context, b *bench) error
}

// figures in the order in which they run.
var figures = []figure{
	{"ready", measureReady},
	{"rest", measureRest},
	{"push", measurePush},
	{"replace", measureReplace},
	{"fleet", measureFleet},
	{"scheduling", measureScheduling},
	{"many", measureMany},
	{"loss", measureLoss},
	{"sync", measureSync},
}

// bench is what all figures share.
type bench struct {
	binary  string
	dir     string // everything that a figure leaves behind is below it
	address string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	binary := flag.String("binary", "bin/coracle", "the coracle to measure")
	only := flag.String("figure", "", "measure only this: ready, rest, push, replace, fleet, scheduling, many, loss or sync")
	address := flag.String("listen", "127.0.0.1:17643", "address for the daemon's API")
	flag.Parse()

	path, err := filepath.Abs(*binary)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w; make build makes it", err)
	}
	dir, err := os.MkdirTemp("", "coracle-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{binary: path, dir: dir, address: *address}
	found := false
	var failed []error
	for _, f := range figures {
		if *only != "" && *only != f.name {
			continue
		}
		found = true
		if err := f.measure(ctx, b); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", f.name, err))
			fmt.Printf("%-52s failed: %v\n", f.name, err)
		}
	}
	if !found {
		return fmt.Errorf("no figure is named %q", *only)
	}
	return errors.Join(failed...)
}

// report prints one figure; aim is "" where there is none.
func report(what, value, aim string) {
	if aim != "" {
		aim = "aim " + aim
	}
	fmt.Printf("%-52s %22s   %s\n", what, value, aim)
}
