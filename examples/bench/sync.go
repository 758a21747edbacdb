package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	syncObjects = 1000
	planObjects = 10000
	syncRounds  = 5
)

// measureSync times rounds in which nothing has changed, by the daemon's own clock, and a plan of many objects by a client.
func measureSync(ctx context.Context, b *bench) error {
	dir := filepath.Join(b.dir, "sync")
	if err := writeConfigMaps(filepath.Join(dir, "manifests"), syncObjects); err != nil {
		return err
	}
	d, err := b.start(ctx, filepath.Join(dir, "data"), "--engine", "memory", "--dir", filepath.Join(dir, "manifests"))
	if err != nil {
		return err
	}
	defer func() { _ = d.stop() }()
	if _, err := b.coracle(ctx, "sync", "--wait", "--data-dir", filepath.Join(dir, "data")); err != nil {
		return err
	}
	var times []time.Duration
	for range syncRounds {
		took, err := b.timeSync(ctx, d, filepath.Join(dir, "data"))
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	report(fmt.Sprintf("sync of %d manifests, nothing changed (median)", syncObjects), milliseconds(median(times)), "100 ms")

	if err := writeConfigMaps(filepath.Join(dir, "many"), planObjects); err != nil {
		return err
	}
	began := time.Now()
	if _, err := b.coracle(ctx, "plan", "--dir", filepath.Join(dir, "many"), "--data-dir", filepath.Join(dir, "data"), "-o", "json"); err != nil {
		return err
	}
	report(fmt.Sprintf("coracle plan of %d manifests, 9,000 of them new", planObjects), seconds(time.Since(began)), "")
	return nil
}

func writeConfigMaps(dir string, n int) error {
	for i := range n {
		name := fmt.Sprintf("settings-%d", i)
		if err := write(dir, name+".yaml", configMap(name)); err != nil {
			return err
		}
	}
	return nil
}

// coracle runs a client verb. Exit code 1 of plan means that there are changes, and is no error here.
func (b *bench) coracle(ctx context.Context, arguments ...string) (string, error) {
	output, err := exec.CommandContext(ctx, b.binary, arguments...).CombinedOutput()
	if exit, ok := err.(*exec.ExitError); ok && arguments[0] == "plan" && exit.ExitCode() == 1 {
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("coracle %s: %w: %s", arguments[0], err, output)
	}
	return string(output), nil
}

// timeSync asks for one sync, and reads from the daemon's metrics how long it took.
func (b *bench) timeSync(ctx context.Context, d *daemon, data string) (time.Duration, error) {
	before, count, err := d.syncSeconds(ctx)
	if err != nil {
		return 0, err
	}
	if _, err := b.coracle(ctx, "sync", "--wait", "--data-dir", data); err != nil {
		return 0, err
	}
	after := before
	err = wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		var now float64
		after, now, err = d.syncSeconds(ctx)
		return err == nil && now > count, nil
	})
	return time.Duration((after - before) * float64(time.Second)), err
}

// syncSeconds are the sum and the count of the histogram of syncs.
func (d *daemon) syncSeconds(ctx context.Context) (sum, count float64, err error) {
	body, err := d.client.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(body)) {
		if value, ok := strings.CutPrefix(line, `coracle_sync_duration_seconds_sum{application="default/default"} `); ok {
			_, err = fmt.Sscan(value, &sum)
		}
		if value, ok := strings.CutPrefix(line, `coracle_sync_duration_seconds_count{application="default/default"} `); ok {
			_, err = fmt.Sscan(value, &count)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("read metrics: %w", err)
		}
	}
	return sum, count, nil
}
