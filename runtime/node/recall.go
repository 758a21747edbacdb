package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// awayAfter a node that starts goes on without an API that does not answer.
	awayAfter = 5 * time.Second
	// recordPeriod is how old what is on the disk may be: Pods that are younger are found by their containers' labels.
	recordPeriod = 10 * time.Second
)

// recall is what a node knew of its Pods before it was restarted. It serves while the API has not been heard of since.
type recall struct {
	path string // "" keeps nothing

	mu      sync.Mutex
	pods    map[Key]*corev1.Pod // nil unless it serves
	changed atomic.Bool         // since it was written
}

// serving is whether Pods are taken from here.
func (r *recall) serving() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pods != nil
}

// pod is nil for one that is not known; its containers are then left alone.
func (r *recall) pod(key Key) (pod *corev1.Pod, serving bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pods[key], r.pods != nil
}

func (r *recall) serve(pods map[Key]*corev1.Pod) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pods = pods
}

// read returns what was written last.
func (r *recall) read() (map[Key]*corev1.Pod, error) {
	pods := map[Key]*corev1.Pod{}
	data, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return pods, nil
	}
	if err != nil {
		return pods, fmt.Errorf("read the Pods of before: %w", err)
	}
	var list corev1.PodList
	if err := list.Unmarshal(data); err != nil {
		return pods, fmt.Errorf("read the Pods of before: %s: %w", r.path, err)
	}
	for i := range list.Items {
		pods[keyOf(&list.Items[i])] = &list.Items[i]
	}
	return pods, nil
}

// write replaces the file whole. It is not synced: what a machine that loses its power has not written, labels still say.
func (r *recall) write(pods []*corev1.Pod) error {
	var list corev1.PodList
	for _, pod := range pods {
		list.Items = append(list.Items, *pod)
	}
	data, err := list.Marshal()
	if err != nil {
		return fmt.Errorf("record the Pods: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(r.path), 0o700); err != nil {
		return fmt.Errorf("record the Pods: %w", err)
	}
	if err := os.WriteFile(r.path+".new", data, 0o600); err != nil {
		return fmt.Errorf("record the Pods: %w", err)
	}
	if err := os.Rename(r.path+".new", r.path); err != nil {
		return fmt.Errorf("record the Pods: %w", err)
	}
	return nil
}

// record keeps the file current until ctx ends.
func (n *Node) record(ctx context.Context) {
	if n.recall.path == "" {
		return
	}
	tick := n.Clock.NewTicker(recordPeriod)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C():
		}
		if !n.informer.HasSynced() || !n.recall.changed.Swap(false) {
			continue
		}
		var pods []*corev1.Pod
		for _, obj := range n.pods.List() {
			if pod := obj.(*corev1.Pod); pod.Spec.NodeName == n.Name {
				pods = append(pods, pod)
			}
		}
		if err := n.recall.write(pods); err != nil {
			n.recall.changed.Store(true)
			n.Logger.Warn().Err(err).Str("node", n.Name).Msg("record")
		}
	}
}

// awaitPods returns true when there is something to work by: the API's Pods, or, where the API is away, those of before.
func (n *Node) awaitPods(ctx context.Context) bool {
	heard := make(chan struct{}) // of the API
	n.beside(func() {
		for _, wait := range []<-chan struct{}{n.adopted, n.informer.HasSyncedChecker().Done(), n.network.ready} {
			select {
			case <-wait:
			case <-ctx.Done():
				return
			}
		}
		n.recall.serve(nil)
		close(heard)
		n.enqueueAll()
	})
	var away <-chan time.Time
	if n.recall.path != "" {
		away = n.Clock.After(awayAfter)
	}
	for {
		select {
		case <-heard:
			return true
		case <-ctx.Done():
			return false
		case <-away:
			if n.goOnWithout(ctx) {
				return true
			}
			away = n.Clock.After(time.Second)
		}
	}
}

// goOnWithout takes up the Pods that run here although the API is away, once the engine answers.
func (n *Node) goOnWithout(ctx context.Context) bool {
	select {
	case <-n.adopted:
		return false // it is not away
	default:
	}
	found, _, _ := n.network.get()
	if up, _, _ := n.health.get(); !up || found == "" {
		return false
	}
	if err := n.useNetwork(ctx, found); err != nil {
		return false
	}
	pods, err := n.recall.read()
	if err != nil {
		n.Logger.Warn().Err(err).Str("node", n.Name).Msg("recall")
	}
	for _, key := range n.inventory.keys() {
		if pods[key] == nil {
			if pod := packedPod(key, n.inventory.snapshot(key)); len(pod.Spec.Containers) > 0 {
				pod.Spec.NodeName = n.Name
				pods[key] = pod
			}
		}
	}
	n.Logger.Warn().Str("node", n.Name).Int("pods", len(pods)).Msg("the API is away; going on with the Pods of before")
	n.recall.serve(pods)
	for key := range pods {
		n.queue.Add(key)
	}
	return true
}
