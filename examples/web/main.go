// Command web is what the demo runs: a server that says which version of it answers, and, as `web work`, a worker that
// says the same once in a while. The version and all settings come from the environment:
//
//	VERSION   baked into the image, "v1"
//	PORT      of the server, 8080 if not set
//	GREETING  what the server says on /greeting, and the worker each time
//	INTERVAL  of the worker, "10s" if not set
//
// Both end on SIGTERM: the server first answers what it has begun to answer.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	version, greeting := cmp.Or(os.Getenv("VERSION"), "dev"), cmp.Or(os.Getenv("GREETING"), "Hello")
	hostname, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("read hostname: %w", err)
	}
	switch {
	case len(arguments) == 0:
		s := newServer(version, hostname, greeting)
		return s.serve(ctx, ":"+cmp.Or(os.Getenv("PORT"), "8080"))
	case len(arguments) == 1 && arguments[0] == "work":
		interval, err := time.ParseDuration(cmp.Or(os.Getenv("INTERVAL"), "10s"))
		if err != nil || interval <= 0 {
			return fmt.Errorf("INTERVAL is %q: want a duration such as 10s", os.Getenv("INTERVAL"))
		}
		ticks := time.NewTicker(interval)
		defer ticks.Stop()
		work(ctx, os.Stdout, ticks.C, fmt.Sprintf("worker %s %s: %s", version, hostname, greeting))
		return nil
	}
	return fmt.Errorf("unknown arguments %q: want none, or work", arguments)
}
