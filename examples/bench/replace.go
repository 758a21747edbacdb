package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

const replaceRounds = 20

// measureReplace deletes Pods one after another, and times from the event of a deletion to that of the replacement's
// creation, as a client that watches sees them.
func measureReplace(ctx context.Context, b *bench) error {
	dir := filepath.Join(b.dir, "replace")
	if err := write(filepath.Join(dir, "manifests"), "web.yaml", deployment("web", "web:v1", 3)); err != nil {
		return err
	}
	d, err := b.start(ctx, filepath.Join(dir, "data"), "--engine", "memory", "--dir", filepath.Join(dir, "manifests"))
	if err != nil {
		return err
	}
	defer func() { _ = d.stop() }()
	var times []time.Duration
	for range replaceRounds {
		if err := d.awaitAvailable(ctx, 1, 3); err != nil {
			return err
		}
		took, err := d.timeReplacement(ctx)
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	report("Pod deleted → its replacement created (median of 20)", milliseconds(median(times)), "50 ms")
	return nil
}

func (d *daemon) timeReplacement(ctx context.Context) (time.Duration, error) {
	pods := d.client.CoreV1().Pods(metav1.NamespaceDefault)
	list, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	events, err := pods.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return 0, err
	}
	defer events.Stop()
	victim := list.Items[0].Name
	if err := pods.Delete(ctx, victim, metav1.DeleteOptions{}); err != nil {
		return 0, err
	}
	var deleted time.Time
	for event := range events.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok {
			continue
		}
		switch {
		case pod.Name == victim && deleted.IsZero() && (pod.DeletionTimestamp != nil || event.Type == watch.Deleted):
			deleted = time.Now()
		case event.Type == watch.Added:
			return max(0, time.Since(deleted)), nil
		}
	}
	return 0, errors.New("the watch ended before the replacement was seen")
}
