package scheduler

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// A Pod that was turned away is tried again at once when something happens that could help; one that is turned away again and again
// waits from its last try: 1 s, doubled to 10 s. The figures are upstream's.
const (
	firstBackoff = time.Second
	lastBackoff  = 10 * time.Second
)

// attempts counts, by Pod, how often it was turned away, and when last.
type attempts map[types.UID]attempt

type attempt struct {
	failures int
	last     time.Time
}

func (a attempts) failed(uid types.UID, now time.Time) {
	a[uid] = attempt{a[uid].failures + 1, now}
}

// wait is how long the Pod's next try must wait from now.
func (a attempts) wait(uid types.UID, now time.Time) time.Duration {
	tried := a[uid]
	if tried.failures < 2 {
		return 0
	}
	backoff := lastBackoff
	if doublings := tried.failures - 2; doublings < 4 {
		backoff = min(firstBackoff<<doublings, lastBackoff)
	}
	return max(0, tried.last.Add(backoff).Sub(now))
}
