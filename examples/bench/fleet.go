package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	fleetDeployments = 100
	fleetReplicas    = 10
	fleetNodes       = 10
)

// measureFleet has 100 Deployments of 10 appear at once on simulated nodes, until all are Available.
func measureFleet(ctx context.Context, b *bench) error {
	dir := filepath.Join(b.dir, "fleet")
	if err := write(filepath.Join(dir, "manifests"), "settings.yaml", configMap("settings")); err != nil {
		return err
	}
	d, err := b.start(ctx, filepath.Join(dir, "data"), "--engine", "memory", "--nodes", fmt.Sprint(fleetNodes), "--dir", filepath.Join(dir, "manifests"))
	if err != nil {
		return err
	}
	defer func() { _ = d.stop() }()
	if err := d.awaitNodes(ctx, fleetNodes); err != nil {
		return err
	}
	var documents []string
	for i := range fleetDeployments {
		documents = append(documents, deployment(fmt.Sprintf("web-%d", i), "web:v1", fleetReplicas))
	}
	before, err := d.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := write(filepath.Join(dir, "manifests"), "web.yaml", documents...); err != nil {
		return err
	}
	if err := d.awaitAvailable(ctx, fleetDeployments, fleetReplicas); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := d.cpu()
	if err != nil {
		return err
	}
	own, _, err := d.memory()
	if err != nil {
		return err
	}
	pods := float64(fleetDeployments * fleetReplicas)
	report("100 Deployments of 10 on 10 simulated nodes", fmt.Sprintf("%.0f Pods/s", pods/took.Seconds()), "200 Pods/s")
	report("  its processor time a Pod, memory after", fmt.Sprintf("%s, %s", milliseconds((after-before)/time.Duration(pods)), mebibytes(own)), "")
	return nil
}

func (d *daemon) awaitNodes(ctx context.Context, n int) error {
	return wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		list, err := d.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == n, nil
	})
}
