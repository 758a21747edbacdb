package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// limitPeriod is how often volumes with a size limit are measured, as upstream's eviction does.
const limitPeriod = 10 * time.Second

// limitVolumes ends Pods that fill an emptyDir beyond its sizeLimit.
func (n *Node) limitVolumes(ctx context.Context) {
	ticker := n.Clock.NewTicker(limitPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
			for _, key := range n.podsKnown() {
				n.limitVolumesOf(key)
			}
		}
	}
}

func (n *Node) podsKnown() []Key {
	n.mu.Lock()
	defer n.mu.Unlock()
	keys := make([]Key, 0, len(n.states))
	for key := range n.states {
		keys = append(keys, key)
	}
	return keys
}

func (n *Node) limitVolumesOf(key Key) {
	state := n.known(key)
	if state == nil {
		return
	}
	state.mu.Lock()
	pod, evicted := state.last, state.memory.Evicted
	state.mu.Unlock()
	if pod == nil || evicted != "" || isFinished(pod) {
		return
	}
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if v.EmptyDir == nil || v.EmptyDir.SizeLimit == nil || v.EmptyDir.SizeLimit.IsZero() {
			continue
		}
		if sizeOf(n.volumePath(key, v)) <= v.EmptyDir.SizeLimit.Value() {
			continue
		}
		message := fmt.Sprintf("Usage of EmptyDir volume %q exceeds the limit %q. ", v.Name, v.EmptyDir.SizeLimit.String())
		state.remember(func(m *Memory) { m.Evicted = message })
		n.event(pod, "", corev1.EventTypeWarning, eventEvicted, "%s", message)
		n.queue.Add(key)
		return
	}
}

// sizeOf adds up the files below a directory, in bytes. What goes or cannot be read while it counts is left out.
func sizeOf(dir string) int64 {
	var total int64
	_ = filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	return total
}
