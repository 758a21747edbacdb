package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

const (
	// simulationCIDR has room for a /24 of each simulated node, beside the Services.
	simulationCIDR = "10.128.0.0/9"
	manyPods       = 10000
	manyReplicas   = 100
	// simulationPatience is for a machine that has other work too.
	simulationPatience = 15 * time.Minute
)

// measureScheduling has Deployments of 100 appear on fleets of three sizes, and counts the Pods that get a node a second.
func measureScheduling(ctx context.Context, b *bench) error {
	for _, nodes := range []int{100, 1000, 5000} {
		if err := b.measureSchedulingOn(ctx, nodes, min(5000, 50*nodes)); err != nil {
			return fmt.Errorf("%d nodes: %w", nodes, err)
		}
	}
	return nil
}

func (b *bench) measureSchedulingOn(ctx context.Context, nodes, pods int) error {
	d, dir, err := b.simulate(ctx, fmt.Sprint("scheduling-", nodes), nodes)
	if err != nil {
		return err
	}
	defer func() { _ = d.stop() }()
	idle, _, err := d.memory()
	if err != nil {
		return err
	}
	rate, err := d.schedule(ctx, dir, pods)
	if err != nil {
		return err
	}
	report(fmt.Sprintf("%d Pods scheduled on %d simulated nodes", pods, nodes), fmt.Sprintf("%.0f Pods/s", rate), "")
	report("  the daemon's memory before, its nodes included", mebibytes(idle), "")
	return nil
}

// measureMany has 10,000 Pods run on 1,000 nodes, and reads from the API server's own figures how long its calls took.
func measureMany(ctx context.Context, b *bench) error {
	d, dir, err := b.simulate(ctx, "many", 1000)
	if err != nil {
		return err
	}
	defer func() { _ = d.stop() }()
	if _, err := d.schedule(ctx, dir, manyPods); err != nil {
		return err
	}
	if err := d.awaitAvailable(ctx, manyPods/manyReplicas, manyReplicas); err != nil {
		return err
	}
	for range 100 { // as consoles and scripts ask
		if _, err := d.client.CoreV1().Pods(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{Limit: 500}); err != nil {
			return err
		}
		if _, err := d.client.CoreV1().Nodes().Get(ctx, "sim-0", metav1.GetOptions{}); err != nil {
			return err
		}
	}
	own, _, err := d.memory()
	if err != nil {
		return err
	}
	latency, err := d.latency(ctx, 0.99)
	if err != nil {
		return err
	}
	report(fmt.Sprintf("%d Pods on 1000 simulated nodes: memory", manyPods), mebibytes(own), "")
	report("  99th percentile of API calls (of upstream's buckets)", "≤ "+milliseconds(latency), "")
	return nil
}

// simulate starts a daemon with that many nodes inside it, and waits until all are ready.
func (b *bench) simulate(ctx context.Context, name string, nodes int) (*daemon, string, error) {
	dir := filepath.Join(b.dir, name)
	manifests := filepath.Join(dir, "manifests")
	if err := write(manifests, "settings.yaml", configMap("settings")); err != nil {
		return nil, "", err
	}
	// A hundred heartbeats a second are what a small machine bears beside the work that is measured.
	heartbeat := max(10*time.Second, time.Duration(nodes/100)*time.Second)
	d, err := b.start(ctx, filepath.Join(dir, "data"), "--engine", "memory", "--nodes", fmt.Sprint(nodes), "--node-name", "sim",
		"--node-status-update-frequency", heartbeat.String(), "--node-monitor-grace-period", (4 * heartbeat).String(), "--pod-cidr", simulationCIDR, "--log-level", "warn", "--dir", manifests)
	if err != nil {
		return nil, "", err
	}
	if err := d.awaitNodes(ctx, nodes); err != nil {
		_ = d.stop()
		return nil, "", err
	}
	return d, manifests, nil
}

// schedule makes Deployments of that many Pods in all, and returns how many got a node a second, from the first to the last, as a
// client that watches sees them.
func (d *daemon) schedule(ctx context.Context, manifests string, pods int) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, simulationPatience)
	defer cancel()
	var documents []string
	for i := range pods / manyReplicas {
		documents = append(documents, deployment(fmt.Sprintf("web-%d", i), "web:v1", manyReplicas))
	}
	if err := write(manifests, "web.yaml", documents...); err != nil {
		return 0, err
	}
	bound := map[string]bool{}
	var first time.Time
	see := func(event watch.Event) (bool, error) {
		if pod, ok := event.Object.(*corev1.Pod); ok && event.Type != watch.Deleted {
			if first.IsZero() {
				first = time.Now()
			}
			bound[pod.Name] = true
		}
		return len(bound) == pods, nil
	}
	source := cache.NewListWatchFromClient(d.client.CoreV1().RESTClient(), "pods", metav1.NamespaceDefault, fields.OneTermNotEqualSelector("spec.nodeName", ""))
	if _, err := watchtools.UntilWithSync(ctx, source, &corev1.Pod{}, nil, see); err != nil {
		return 0, fmt.Errorf("%d of %d Pods got a node: %w", len(bound), pods, err)
	}
	return float64(pods) / time.Since(first).Seconds(), nil
}

// latency is the upper bound of the histogram's bucket in which the quantile of all API calls falls, watches and streams left out.
func (d *daemon) latency(ctx context.Context, quantile float64) (time.Duration, error) {
	body, err := d.client.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return 0, err
	}
	buckets := map[float64]float64{}
	for line := range strings.Lines(string(body)) {
		labels, ok := strings.CutPrefix(line, "apiserver_request_duration_seconds_bucket{")
		if !ok || strings.Contains(labels, `verb="WATCH"`) || strings.Contains(labels, `verb="CONNECT"`) {
			continue
		}
		_, bound, _ := strings.Cut(labels, `le="`)
		bound, value, _ := strings.Cut(bound, `"`)
		_, value, _ = strings.Cut(value, "} ")
		seconds, err := strconv.ParseFloat(bound, 64)
		if err != nil {
			return 0, fmt.Errorf("read metrics: %w", err)
		}
		count, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return 0, fmt.Errorf("read metrics: %w", err)
		}
		buckets[seconds] += count
	}
	total := buckets[math.Inf(1)]
	bounds := make([]float64, 0, len(buckets))
	for bound := range buckets {
		bounds = append(bounds, bound)
	}
	slices.Sort(bounds)
	for _, bound := range bounds {
		if buckets[bound] >= quantile*total && !math.IsInf(bound, 1) {
			return time.Duration(bound * float64(time.Second)), nil
		}
	}
	return 0, fmt.Errorf("no bucket holds the quantile of %.0f calls", total)
}
