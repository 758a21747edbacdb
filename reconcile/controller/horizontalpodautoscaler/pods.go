package horizontalpodautoscaler

import (
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

const (
	// startup is how long a Pod may be busy with starting up: until then its CPU counts only while it is ready.
	startup = 5 * time.Minute
	// firstReady is how long after its start a Pod that is not ready may never have been.
	firstReady = 30 * time.Second
)

// figure is what a Pod uses, in thousandths of the resource's unit.
type figure struct {
	value  int64
	at     time.Time
	window time.Duration
}

// figuresOf are the use of a resource by Pod: of all containers, or of the one that is named.
func figuresOf(all []metricsv1beta1.PodMetrics, resource corev1.ResourceName, container string) (map[string]figure, error) {
	if len(all) == 0 {
		return nil, errors.New("no metrics returned from resource metrics API")
	}
	figures := make(map[string]figure, len(all))
	for i := range all {
		pod := &all[i]
		sum, found, complete := int64(0), container == "", true
		for _, c := range pod.Containers {
			if container != "" && c.Name != container {
				continue
			}
			found = true
			used, has := c.Usage[resource]
			complete = complete && has
			sum += used.MilliValue()
		}
		if !found {
			return nil, fmt.Errorf("container %s not present in metrics for pod %s/%s", container, pod.Namespace, pod.Name)
		}
		if complete {
			figures[pod.Name] = figure{value: sum, at: pod.Timestamp.Time, window: pod.Window.Duration}
		}
	}
	return figures, nil
}

// groups are Pods by what their figures are worth. Those in no group do not count at all: they are leaving, or have failed.
type groups struct {
	ready            int
	unready, missing []string
}

// group also takes out of figures all but those of ready Pods.
func group(pods []*corev1.Pod, figures map[string]figure, resource corev1.ResourceName, now time.Time) groups {
	var g groups
	for _, pod := range pods {
		used, measured := figures[pod.Name]
		switch {
		case pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed:
			delete(figures, pod.Name)
		case pod.Status.Phase == corev1.PodPending:
			g.unready = append(g.unready, pod.Name)
			delete(figures, pod.Name)
		case !measured:
			g.missing = append(g.missing, pod.Name)
		case resource == corev1.ResourceCPU && stillStarting(pod, used, now):
			g.unready = append(g.unready, pod.Name)
			delete(figures, pod.Name)
		default:
			g.ready++
		}
	}
	return g
}

// stillStarting is whether the figure is more of the Pod's start than of its work. Upstream documents the rule.
func stillStarting(pod *corev1.Pod, used figure, now time.Time) bool {
	var ready *corev1.PodCondition
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == corev1.PodReady {
			ready = &pod.Status.Conditions[i]
		}
	}
	if ready == nil || pod.Status.StartTime == nil {
		return true
	}
	started, unready := pod.Status.StartTime.Time, ready.Status == corev1.ConditionFalse
	if started.Add(startup).After(now) {
		return unready || used.at.Before(ready.LastTransitionTime.Add(used.window))
	}
	return unready && started.Add(firstReady).After(ready.LastTransitionTime.Time)
}

// requestsOf are what Pods ask for of a resource, in thousandths of its unit. All must ask for some: utilization is a share of it.
func requestsOf(pods []*corev1.Pod, resource corev1.ResourceName, container string) (map[string]int64, error) {
	requests := make(map[string]int64, len(pods))
	for _, pod := range pods {
		sum, found := int64(0), false
		for _, c := range pod.Spec.Containers {
			if container != "" && c.Name != container {
				continue
			}
			found = true
			asked, has := c.Resources.Requests[resource]
			if !has {
				return nil, fmt.Errorf("missing request for %s in container %s of Pod %s", resource, c.Name, pod.Name)
			}
			sum += asked.MilliValue()
		}
		if container != "" && !found {
			return nil, fmt.Errorf("container %s not found in Pod %s", container, pod.Name)
		}
		requests[pod.Name] = sum
	}
	return requests, nil
}
