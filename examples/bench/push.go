package main

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"coracle.dev/coracle/runtime"
)

const (
	pushReplicas = 20
	pushRounds   = 3
	// rawParallel is how many starts at once suit Docker best.
	rawParallel = 4
)

// measurePush times a push of a new Deployment until all its Pods are available, and beside it the same containers created and
// started on the engine's own API, in turns.
func measurePush(ctx context.Context, b *bench) error {
	docker, err := b.docker(ctx)
	if err != nil {
		return err
	}
	done, err := b.prepareEngine(ctx)
	if err != nil {
		return err
	}
	defer done()
	repository, clone, err := newRepository(ctx, filepath.Join(b.dir, "push"))
	if err != nil {
		return err
	}
	d, err := b.start(ctx, filepath.Join(b.dir, "push", "data"), "--repo", repository, "--poll", "@every 1s",
		"--node-name", benchNode, "--pod-network", benchNetwork, "--pod-cidr", benchCIDR)
	if err != nil {
		return err
	}
	defer func() { _ = d.stop() }()

	var pushed, raw, ratios []float64
	for round := range pushRounds {
		took, err := d.timePush(ctx, clone, deployment(fmt.Sprintf("web-%d", round), benchImage, pushReplicas), round+1)
		if err != nil {
			return err
		}
		pushed = append(pushed, took.Seconds())
		if took, err = rawStarts(ctx, docker, round); err != nil {
			return err
		}
		raw = append(raw, took.Seconds())
		ratios = append(ratios, pushed[round]/raw[round])
	}
	report(fmt.Sprintf("push → %d Pods available, polled each second (median)", pushReplicas), fmt.Sprintf("%.1f s", median(pushed)), "")
	report("the same containers on the raw engine, 4 at once", fmt.Sprintf("%.1f s", median(raw)), "")
	report("ratio (median of 3 pairs)", fmt.Sprintf("%.2f", median(ratios)), "")
	return nil
}

// timePush pushes one more Deployment, so that deployments are there, and waits until all its Pods are available.
func (d *daemon) timePush(ctx context.Context, clone, manifest string, deployments int) (time.Duration, error) {
	if err := write(clone, fmt.Sprintf("web-%d.yaml", deployments), manifest); err != nil {
		return 0, err
	}
	for _, arguments := range [][]string{{"add", "."}, {"commit", "-q", "-m", "one more"}} {
		if err := git(ctx, clone, arguments...); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	if err := git(ctx, clone, "push", "-q", "origin", "HEAD:main"); err != nil {
		return 0, err
	}
	err := d.awaitAvailable(ctx, deployments, pushReplicas)
	return time.Since(began), err
}

// rawStarts creates and starts the same containers without coracle, on the same network.
func rawStarts(ctx context.Context, docker *client.Client, round int) (time.Duration, error) {
	began := time.Now()
	var group errgroup.Group
	group.SetLimit(rawParallel)
	for i := range pushReplicas {
		group.Go(func() error { return rawStart(ctx, docker, round, i) })
	}
	err := group.Wait()
	return time.Since(began), err
}

func rawStart(ctx context.Context, docker *client.Client, round, i int) error {
	address := netip.AddrFrom4([4]byte{10, 199, 0, byte(254 - round*pushReplicas - i)}).String()
	created, err := docker.ContainerCreate(ctx,
		&container.Config{Image: benchImage, Labels: map[string]string{runtime.LabelManaged: rawNode}},
		&container.HostConfig{NetworkMode: benchNetwork},
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			benchNetwork: {IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: address}}}},
		nil, fmt.Sprintf("coracle-bench-raw-%d-%d", round, i))
	if err != nil {
		return err
	}
	return docker.ContainerStart(ctx, created.ID, container.StartOptions{})
}

// newRepository is a bare repository with one commit, and a clone of it to push from.
func newRepository(ctx context.Context, dir string) (bare, clone string, err error) {
	bare, clone = filepath.Join(dir, "repository.git"), filepath.Join(dir, "clone")
	if err := git(ctx, ".", "init", "-q", "--bare", "--initial-branch=main", bare); err != nil {
		return "", "", err
	}
	if err := git(ctx, ".", "clone", "-q", bare, clone); err != nil {
		return "", "", err
	}
	for key, value := range map[string]string{"user.name": "bench", "user.email": "bench@example.org"} {
		if err := git(ctx, clone, "config", key, value); err != nil {
			return "", "", err
		}
	}
	if err := write(clone, "settings.yaml", configMap("settings")); err != nil {
		return "", "", err
	}
	for _, arguments := range [][]string{{"add", "."}, {"commit", "-q", "-m", "begin"}, {"push", "-q", "origin", "HEAD:main"}} {
		if err := git(ctx, clone, arguments...); err != nil {
			return "", "", err
		}
	}
	return bare, clone, nil
}

func git(ctx context.Context, dir string, arguments ...string) error {
	command := exec.CommandContext(ctx, "git", arguments...)
	command.Dir = dir
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("git %v: %w: %s", arguments, err, output)
	}
	return nil
}
