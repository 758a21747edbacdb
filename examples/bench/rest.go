package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

const (
	// settle is how long the daemon has been left alone when its memory is read.
	settle = 20 * time.Second
	// restWindow is how long its processor time is watched.
	restWindow = 30 * time.Second
)

// measureRest reads the daemon's memory and processor time while nothing happens, with 0, 10 and 100 Pods on the real engine
// (or, without one, on the engine that only pretends).
func measureRest(ctx context.Context, b *bench) error {
	engine, prepare := "docker", b.prepareEngine
	if _, err := b.docker(ctx); err != nil {
		engine, prepare = "memory", func(context.Context) (func(), error) { return func() {}, nil }
	}
	done, err := prepare(ctx)
	if err != nil {
		return err
	}
	defer done()
	for _, pods := range []int{0, 10, 100} {
		if err := b.measureRestWith(ctx, engine, pods); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureRestWith(ctx context.Context, engine string, pods int) error {
	dir := filepath.Join(b.dir, "rest", fmt.Sprint(pods))
	documents := []string{configMap("a")}
	if pods > 0 {
		documents = append(documents, deployment("web", benchImage, pods))
	}
	if err := write(filepath.Join(dir, "manifests"), "a.yaml", documents...); err != nil {
		return err
	}
	d, err := b.start(ctx, filepath.Join(dir, "data"), "--engine", engine, "--node-name", benchNode, "--pod-network", benchNetwork, "--pod-cidr", benchCIDR,
		"--dir", filepath.Join(dir, "manifests"))
	if err != nil {
		return err
	}
	defer func() { _ = d.stop() }()
	if pods > 0 {
		if err := d.awaitAvailable(ctx, 1, int32(pods)); err != nil {
			return err
		}
	}
	if err := sleep(ctx, settle); err != nil {
		return err
	}
	before, err := d.cpu()
	if err != nil {
		return err
	}
	if err := sleep(ctx, restWindow); err != nil {
		return err
	}
	after, err := d.cpu()
	if err != nil {
		return err
	}
	own, all, err := d.memory()
	if err != nil {
		return err
	}
	aimMemory, aimCPU := "", ""
	if pods == 0 {
		aimMemory, aimCPU = "100 MiB", "1% of a core"
	}
	report(fmt.Sprintf("resident memory at rest, %d Pods (with its binary)", pods), fmt.Sprintf("%s (%s)", mebibytes(own), mebibytes(all)), aimMemory)
	report(fmt.Sprintf("processor at rest, %d Pods", pods), fmt.Sprintf("%.2f%% of a core", 100*(after-before).Seconds()/restWindow.Seconds()), aimCPU)
	return b.removeContainers(ctx)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
