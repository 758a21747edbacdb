package metrics

import (
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	second := uint64(time.Second)
	for name, c := range map[string]struct {
		before *point
		last   point
		want   uint64 // thousandths of a core
		known  bool
	}{
		"half a core":           {&point{started: at(-60), at: at(0), cpu: 0}, point{started: at(-60), at: at(10), cpu: 5 * second}, 500, true},
		"idle":                  {&point{started: at(-60), at: at(0), cpu: second}, point{started: at(-60), at: at(10), cpu: second}, 0, true},
		"seen once":             {nil, point{started: at(-60), at: at(10), cpu: second}, 0, false},
		"young":                 {nil, point{started: at(0), at: at(12), cpu: 6 * second}, 500, true},
		"too young":             {nil, point{started: at(0), at: at(9), cpu: second}, 0, false},
		"no start":              {nil, point{at: at(12), cpu: second}, 0, false},
		"started again":         {&point{started: at(-60), at: at(-1), cpu: 50 * second}, point{started: at(0), at: at(12), cpu: 60 * second}, 5000, true},
		"counter goes back":     {&point{started: at(-60), at: at(0), cpu: 9 * second}, point{started: at(-60), at: at(10), cpu: second}, 0, false},
		"the same sample twice": {&point{started: at(-60), at: at(0), cpu: 9}, point{started: at(-60), at: at(0), cpu: 9}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, known := rate(c.before, c.last, DefaultResolution)
			if known != c.known || got.NanoCores/1_000_000 != c.want {
				t.Errorf("%dm, known %t; want %dm, %t", got.NanoCores/1_000_000, known, c.want, c.known)
			}
		})
	}
}

// Half a Pod would be taken for a small one.
func TestAPodNeedsTheFiguresOfAllItsContainers(t *testing.T) {
	name := podName{"default", "web"}
	sampleOf := func(at time.Time, containers ...string) *sample {
		s := &sample{at: at, pods: map[podName]map[string]point{name: {}}}
		for _, c := range containers {
			s.pods[name][c] = point{started: start.Add(-time.Hour), at: at}
		}
		return s
	}
	h := &history{before: sampleOf(start, "web"), last: sampleOf(start.Add(15*time.Second), "web", "redis")}
	if containers, known := h.pod(name, DefaultResolution); known {
		t.Errorf("got %v", containers)
	}
	h.add(sampleOf(start.Add(30*time.Second), "web", "redis"))
	if containers, known := h.pod(name, DefaultResolution); !known || len(containers) != 2 {
		t.Errorf("got %v, want both", containers)
	}
}
