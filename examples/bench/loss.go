package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	lossNode       = "lost-machine"
	lossGrace      = 4 * time.Second
	lossToleration = 2 * time.Second
	lossReplicas   = 20
)

// measureLoss has a machine fall silent: one that the figure itself plays, by its Node and its Lease. It counts the time from the
// last heartbeat until all replacements of its Pods are created, beyond the periods that were configured.
func measureLoss(ctx context.Context, b *bench) error {
	dir := filepath.Join(b.dir, "loss")
	manifests := filepath.Join(dir, "manifests")
	if err := write(manifests, "settings.yaml", configMap("settings")); err != nil {
		return err
	}
	d, err := b.start(ctx, filepath.Join(dir, "data"), "--engine", "memory", "--nodes", "2", "--node-name", "sim", "--dir", manifests,
		"--node-status-update-frequency", "1s", "--node-monitor-grace-period", lossGrace.String(),
		"--default-unreachable-toleration-seconds", fmt.Sprint(int(lossToleration.Seconds())))
	if err != nil {
		return err
	}
	defer func() { _ = d.stop() }()
	if err := d.awaitNodes(ctx, 2); err != nil {
		return err
	}
	if err := d.playMachine(ctx); err != nil {
		return err
	}
	if err := write(manifests, "web.yaml", deployment("web", "web:v1", 3*lossReplicas)); err != nil {
		return err
	}
	lost, version, err := d.keepAlive(ctx)
	if err != nil {
		return err
	}
	silent := time.Now()
	if err := d.awaitCreated(ctx, version, lost); err != nil {
		return err
	}
	beyond := time.Since(silent) - lossGrace - lossToleration
	report(fmt.Sprintf("machine lost → its %d Pods created anew, beyond grace", lost), milliseconds(beyond), "")
	return nil
}

// playMachine registers a machine that is ready.
func (d *daemon) playMachine(ctx context.Context) error {
	node, err := d.client.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: lossNode}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	node.Status.Capacity = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	node.Status.Allocatable = node.Status.Capacity
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	if _, err := d.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		return err
	}
	_, err = d.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Create(ctx,
		&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: lossNode}}, metav1.CreateOptions{})
	return err
}

// keepAlive renews the machine's Lease until all Pods have nodes. It returns how many are the machine's, and what version of the API
// that was read from.
func (d *daemon) keepAlive(ctx context.Context) (pods int, version string, err error) {
	leases := d.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	for range 60 {
		lease, err := leases.Get(ctx, lossNode, metav1.GetOptions{})
		if err != nil {
			return 0, "", err
		}
		now := metav1.NowMicro()
		lease.Spec.RenewTime = &now
		if _, err := leases.Update(ctx, lease, metav1.UpdateOptions{}); err != nil {
			return 0, "", err
		}
		list, err := d.client.CoreV1().Pods(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{})
		if err != nil {
			return 0, "", err
		}
		if len(list.Items) == 3*lossReplicas && !slices.ContainsFunc(list.Items, func(p corev1.Pod) bool { return p.Spec.NodeName == "" }) {
			for _, pod := range list.Items {
				if pod.Spec.NodeName == lossNode {
					pods++
				}
			}
			return pods, list.ResourceVersion, nil
		}
		if err := sleep(ctx, time.Second); err != nil {
			return 0, "", err
		}
	}
	return 0, "", errors.New("the Pods did not all get a node")
}

// awaitCreated waits until that many Pods were added after a version of the API.
func (d *daemon) awaitCreated(ctx context.Context, version string, pods int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	events, err := d.client.CoreV1().Pods(metav1.NamespaceDefault).Watch(ctx, metav1.ListOptions{ResourceVersion: version})
	if err != nil {
		return err
	}
	defer events.Stop()
	for event := range events.ResultChan() {
		if event.Type == watch.Added {
			pods--
		}
		if pods <= 0 {
			return nil
		}
	}
	return fmt.Errorf("%d Pods were not created anew: %w", pods, ctx.Err())
}
