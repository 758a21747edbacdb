package horizontalpodautoscaler

import (
	"errors"
	"fmt"
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// tolerance is how far the use may be off the target, as a share of it, with nothing done.
const tolerance = 0.1

// calculation is that of one metric.
type calculation struct {
	*decision
	resource  corev1.ResourceName
	container string
	current   int32
	replicas  int32 // the answer
}

// byUtilization wants the Pods to use that percentage of what they ask for. It returns what they use now, as a percentage and, on
// average, in thousandths.
func (c *calculation) byUtilization(target int32) (utilization int32, average int64, err error) {
	figures, g, err := c.figures()
	if err != nil {
		return 0, 0, err
	}
	requests, err := requestsOf(c.observed.Pods, c.resource, c.container)
	if err != nil {
		return 0, 0, err
	}
	ratio := func(figures map[string]figure) (float64, int32, int64, bool) {
		var used, asked, pods int64
		for name, f := range figures {
			if request, known := requests[name]; known {
				used, asked, pods = used+f.value, asked+request, pods+1
			}
		}
		if asked == 0 {
			return 0, 0, 0, false
		}
		percent := used * 100 / asked
		return float64(percent) / float64(target), int32(percent), used / pods, true
	}
	now, utilization, average, known := ratio(figures)
	if !known {
		return 0, 0, errors.New("no metrics returned matched known pods")
	}
	// A Pod without a figure is taken to be busy when that keeps others, and idle when that keeps from growing.
	busy := func(name string) int64 { return requests[name] * int64(max(100, target)) / 100 }
	c.decide(now, figures, g, busy, func() float64 { then, _, _, _ := ratio(figures); return then })
	return utilization, average, nil
}

// byValue wants the Pods to use that much each, in thousandths. It returns what they use now, on average.
func (c *calculation) byValue(target int64) (average int64, err error) {
	figures, g, err := c.figures()
	if err != nil {
		return 0, err
	}
	mean := func() int64 {
		sum := int64(0)
		for _, f := range figures {
			sum += f.value
		}
		return sum / int64(len(figures))
	}
	average = mean()
	ratio := func() float64 { return float64(mean()) / float64(target) }
	c.decide(ratio(), figures, g, func(string) int64 { return target }, ratio)
	return average, nil
}

// figures are those of the Pods that count, and the Pods by group.
func (c *calculation) figures() (map[string]figure, groups, error) {
	if err := c.observed.MetricsErr; err != nil {
		return nil, groups{}, fmt.Errorf("unable to get metrics for resource %s: unable to fetch metrics from resource metrics API: %w", c.resource, err)
	}
	figures, err := figuresOf(c.observed.Metrics, c.resource, c.container)
	if err != nil {
		return nil, groups{}, fmt.Errorf("unable to get metrics for resource %s: %w", c.resource, err)
	}
	if len(c.observed.Pods) == 0 {
		return nil, groups{}, errors.New("no pods returned by selector while calculating replica count")
	}
	g := group(c.observed.Pods, figures, c.resource, c.now)
	known := make(map[string]bool, len(c.observed.Pods))
	for _, pod := range c.observed.Pods {
		known[pod.Name] = true
	}
	for name := range figures {
		if !known[name] {
			delete(figures, name)
		}
	}
	if len(figures) == 0 {
		return nil, groups{}, errors.New("did not receive metrics for targeted pods (pods might be unready)")
	}
	return figures, g, nil
}

// decide sets replicas from ratio, which is the use over the target. Where Pods have no figure, it puts in for them what speaks
// against a change, and asks again: ratio 1.5 with half of the Pods unmeasured is 0.75 with those at rest, so nothing is done.
func (c *calculation) decide(ratio float64, figures map[string]figure, g groups, busy func(pod string) int64, again func() float64) {
	growing := ratio > 1
	if len(g.missing) == 0 && (len(g.unready) == 0 || !growing) {
		if c.replicas = c.current; !c.near(ratio) {
			c.replicas = replicasFor(ratio, g.ready)
		}
		return
	}
	for _, name := range g.missing {
		switch {
		case ratio < 1:
			figures[name] = figure{value: busy(name)}
		case growing:
			figures[name] = figure{}
		}
	}
	if growing {
		for _, name := range g.unready {
			figures[name] = figure{}
		}
	}
	then := again()
	c.replicas = c.current
	if c.near(then) || ratio < 1 && then > 1 || growing && then < 1 {
		return
	}
	wanted := replicasFor(then, len(figures))
	if then < 1 && wanted > c.current || then > 1 && wanted < c.current {
		return // what was put in would turn the direction round
	}
	c.replicas = wanted
}

func replicasFor(ratio float64, pods int) int32 {
	return int32(min(math.MaxInt32, math.Ceil(ratio*float64(pods))))
}

// near is whether the ratio is within the tolerance, the default one or that of the direction.
func (c *calculation) near(ratio float64) bool {
	up, down := rules(c.hpa)
	of := func(stated *resource.Quantity) float64 {
		if stated == nil {
			return tolerance
		}
		return stated.AsApproximateFloat64()
	}
	return 1-of(down.Tolerance) <= ratio && ratio <= 1+of(up.Tolerance)
}
