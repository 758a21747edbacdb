package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// work writes the line at once, at each tick, and never again after ctx has ended.
func work(ctx context.Context, out io.Writer, ticks <-chan time.Time, line string) {
	for n := 1; ; n++ {
		fmt.Fprintf(out, "%s (%d)\n", line, n)
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
	}
}
