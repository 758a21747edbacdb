package metrics

import "time"

// summary is the part that is read of a node's /stats/summary, in the kubelet's words.
type summary struct {
	Node usage `json:"node"`
	Pods []struct {
		PodRef struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"podRef"`
		Containers []struct {
			Name string `json:"name"`
			usage
		} `json:"containers"`
	} `json:"pods"`
}

// usage is without CPU where it is not known.
type usage struct {
	StartTime time.Time `json:"startTime"`
	CPU       *struct {
		Time                 time.Time `json:"time"`
		UsageCoreNanoSeconds uint64    `json:"usageCoreNanoSeconds"`
	} `json:"cpu"`
	Memory struct {
		WorkingSetBytes uint64 `json:"workingSetBytes"`
	} `json:"memory"`
}

// point is what something had used at a moment.
type point struct {
	started, at time.Time
	cpu         uint64 // core-nanoseconds since it started
	memory      uint64 // bytes
}

func (u usage) point() (point, bool) {
	if u.CPU == nil {
		return point{}, false
	}
	return point{started: u.StartTime, at: u.CPU.Time, cpu: u.CPU.UsageCoreNanoSeconds, memory: u.Memory.WorkingSetBytes}, true
}

// podName names a Pod. A Pod that is made again under its name has other containers, which start anew.
type podName struct{ namespace, name string }

// sample is what one node said once.
type sample struct {
	at   time.Time // by this machine's clock
	node *point    // nil where the node does not know
	pods map[podName]map[string]point
}

func (s *summary) sample(at time.Time) *sample {
	made := &sample{at: at, pods: make(map[podName]map[string]point, len(s.Pods))}
	if p, ok := s.Node.point(); ok {
		made.node = &p
	}
	for _, pod := range s.Pods {
		containers := make(map[string]point, len(pod.Containers))
		for _, c := range pod.Containers {
			if p, ok := c.point(); ok {
				containers[c.Name] = p
			}
		}
		if len(containers) > 0 {
			made.pods[podName{pod.PodRef.Namespace, pod.PodRef.Name}] = containers
		}
	}
	return made
}
