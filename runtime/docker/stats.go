package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/container"

	"coracle.dev/coracle/runtime"
)

func (e *Engine) Stats(ctx context.Context, id string) (runtime.Stats, error) {
	doing := "read stats of container " + short(id)
	id, err := e.own(ctx, id)
	if err != nil {
		return runtime.Stats{}, err
	}
	var found container.StatsResponse
	err = e.do(ctx, readDeadline, doing, func(ctx context.Context) error {
		response, err := e.client.ContainerStatsOneShot(ctx, id)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		return json.NewDecoder(response.Body).Decode(&found)
	})
	if err != nil {
		return runtime.Stats{}, err
	}
	if found.Read.IsZero() { // the engine's answer for one that does not run
		return runtime.Stats{}, fmt.Errorf("%s: %w: it is not running", doing, runtime.ErrConflict)
	}
	return usage(found), nil
}

func usage(s container.StatsResponse) runtime.Stats {
	out := runtime.Stats{
		Time:        s.Read,
		CPUNanos:    s.CPUStats.CPUUsage.TotalUsage,
		MemoryBytes: workingSet(s.MemoryStats),
		MemoryRSS:   first(s.MemoryStats.Stats, "total_rss", "anon"),
		Pids:        s.PidsStats.Current,
	}
	for _, network := range s.Networks {
		out.RxBytes += network.RxBytes
		out.TxBytes += network.TxBytes
	}
	for _, entry := range s.BlkioStats.IoServiceBytesRecursive {
		switch strings.ToLower(entry.Op) {
		case "read":
			out.DiskReadBytes += entry.Value
		case "write":
			out.DiskWriteBytes += entry.Value
		}
	}
	return out
}

// workingSet is what could not be reclaimed at once: the usage less the file pages that are not in active use.
func workingSet(m container.MemoryStats) uint64 {
	return m.Usage - min(m.Usage, first(m.Stats, "total_inactive_file", "inactive_file"))
}

// first is the value under the name that this engine's cgroups have: v1's, else v2's.
func first(stats map[string]uint64, v1, v2 string) uint64 {
	if value, found := stats[v1]; found {
		return value
	}
	return stats[v2]
}
