package node

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"coracle.dev/coracle/runtime"
)

// Summary is the answer of /stats/summary: a part of the kubelet's, with its names.
type Summary struct {
	Node SummaryNode  `json:"node"`
	Pods []SummaryPod `json:"pods"`
}

// SummaryNode names the node.
type SummaryNode struct {
	NodeName string `json:"nodeName"`
}

// SummaryPod is the use of one Pod's containers.
type SummaryPod struct {
	PodRef     SummaryPodRef      `json:"podRef"`
	Containers []SummaryContainer `json:"containers"`
}

// SummaryPodRef names a Pod.
type SummaryPodRef struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	UID       string `json:"uid"`
}

// SummaryContainer is the use of one container.
type SummaryContainer struct {
	Name      string        `json:"name"`
	StartTime time.Time     `json:"startTime"`
	CPU       SummaryCPU    `json:"cpu"`
	Memory    SummaryMemory `json:"memory"`
}

// SummaryCPU counts core-nanoseconds since the container started.
type SummaryCPU struct {
	Time                 time.Time `json:"time"`
	UsageCoreNanoSeconds uint64    `json:"usageCoreNanoSeconds"`
}

// SummaryMemory is in bytes.
type SummaryMemory struct {
	Time            time.Time `json:"time"`
	WorkingSetBytes uint64    `json:"workingSetBytes"`
	RSSBytes        uint64    `json:"rssBytes"`
}

const (
	statsAtOnce = 4               // containers that the engine is asked about at a time
	statsTime   = 2 * time.Second // for one: a container that is stuck holds up no other's figures
)

// serveStats asks the engine about every running container. One that cannot be read is left out: it is most likely gone.
func (n *Node) serveStats(w http.ResponseWriter, r *http.Request) {
	summary := Summary{Node: SummaryNode{NodeName: n.Name}, Pods: []SummaryPod{}}
	var asking sync.WaitGroup
	turns := make(chan struct{}, statsAtOnce)
	read := map[string][]*SummaryContainer{} // by UID of the Pod; nil for those that cannot be read
	keys := n.inventory.keys()
	for _, key := range keys {
		containers := n.inventory.snapshot(key)
		found := make([]*SummaryContainer, len(containers))
		read[key.UID] = found
		for i, c := range containers {
			if isSandbox(c) || c.State != runtime.StateRunning {
				continue
			}
			turns <- struct{}{}
			asking.Go(func() {
				defer func() { <-turns }()
				found[i] = n.usage(r.Context(), c)
			})
		}
	}
	asking.Wait()
	for _, key := range keys {
		pod := SummaryPod{PodRef: SummaryPodRef{Name: key.Name, Namespace: key.Namespace, UID: key.UID}, Containers: []SummaryContainer{}}
		for _, c := range read[key.UID] {
			if c != nil {
				pod.Containers = append(pod.Containers, *c)
			}
		}
		slices.SortFunc(pod.Containers, func(a, b SummaryContainer) int { return cmp.Compare(a.Name, b.Name) })
		summary.Pods = append(summary.Pods, pod)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(summary) // a client that left needs no error
}

// usage is nil where it cannot be read.
func (n *Node) usage(ctx context.Context, c runtime.Container) *SummaryContainer {
	ctx, cancel := context.WithTimeout(ctx, statsTime)
	defer cancel()
	stats, err := n.Engine.Stats(ctx, c.ID)
	if err != nil {
		return nil
	}
	return &SummaryContainer{
		Name: c.Labels[runtime.LabelContainerName], StartTime: c.Started,
		CPU:    SummaryCPU{Time: stats.Time, UsageCoreNanoSeconds: stats.CPUNanos},
		Memory: SummaryMemory{Time: stats.Time, WorkingSetBytes: stats.MemoryBytes, RSSBytes: stats.MemoryRSS},
	}
}
