package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

const readyRounds = 5

// measureReady starts the daemon on an empty data directory, and again on the same one.
func measureReady(ctx context.Context, b *bench) error {
	manifests := filepath.Join(b.dir, "ready", "manifests")
	if err := write(manifests, "a.yaml", configMap("a")); err != nil {
		return err
	}
	var first, again []time.Duration
	for i := range readyRounds {
		data := filepath.Join(b.dir, "ready", fmt.Sprint(i))
		for _, times := range []*[]time.Duration{&first, &again} {
			d, err := b.start(ctx, data, "--engine", "memory", "--dir", manifests)
			if err != nil {
				return err
			}
			*times = append(*times, d.ready)
			if err := d.stop(); err != nil {
				return err
			}
		}
	}
	report("start to ready, empty data directory (median of 5)", seconds(median(first)), "1 s")
	report("start to ready, again (median of 5)", seconds(median(again)), "1 s")
	return nil
}

func median[T int64 | float64 | time.Duration](values []T) T {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func mebibytes(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
