package node

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
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

// serveStats asks the engine about every running container. One that cannot be read is left out: it is most likely gone.
func (n *Node) serveStats(w http.ResponseWriter, r *http.Request) {
	summary := Summary{Node: SummaryNode{NodeName: n.Name}, Pods: []SummaryPod{}}
	for _, key := range n.inventory.keys() {
		pod := SummaryPod{PodRef: SummaryPodRef{Name: key.Name, Namespace: key.Namespace, UID: key.UID}, Containers: []SummaryContainer{}}
		for _, c := range n.inventory.snapshot(key) {
			if isSandbox(c) || c.State != runtime.StateRunning {
				continue
			}
			stats, err := n.Engine.Stats(r.Context(), c.ID)
			if err != nil {
				continue
			}
			pod.Containers = append(pod.Containers, SummaryContainer{
				Name: c.Labels[runtime.LabelContainerName], StartTime: c.Started,
				CPU:    SummaryCPU{Time: stats.Time, UsageCoreNanoSeconds: stats.CPUNanos},
				Memory: SummaryMemory{Time: stats.Time, WorkingSetBytes: stats.MemoryBytes, RSSBytes: stats.MemoryRSS},
			})
		}
		slices.SortFunc(pod.Containers, func(a, b SummaryContainer) int { return cmp.Compare(a.Name, b.Name) })
		summary.Pods = append(summary.Pods, pod)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(summary) // a client that left needs no error
}
