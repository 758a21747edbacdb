package node

import (
	"maps"
	"time"

	"coracle.dev/coracle/runtime"
)

// Memory is what a node knows of one Pod beside the API's object and the engine's containers. Losing it costs
// some work done twice, never a restart.
type Memory struct {
	VolumesReady bool
	Volumes      Failure   // of the last try to set up the volumes
	RenewTokens  time.Time // when tokens in ready volumes are to be renewed; zero is never
	Sandbox      Failure   // of the last try to create or start the sandbox
	Evicted      string    // why the node ends the Pod; "" if it does not

	Images    map[string]ImageState // by container name
	Creations map[string]Failure    // by container name: why the last try to create it failed
	Starts    map[string]Failure    // by container id: why it did not start
	Stopping  map[string]time.Time  // by container id: when it will be killed at the latest
	Hooks     map[string]HookState  // by container id: of postStart
	Probes    map[string]Probed     // by container id
	Messages  map[string]string     // by container id: what the dead container left to say
	Noted     map[string]string     // by container name: the back-off that an event was written for

	Newest map[string]runtime.Container // by container name: the newest attempt that was ever seen to run
}

// NewMemory remembers nothing.
func NewMemory() *Memory {
	return &Memory{
		Images:    map[string]ImageState{},
		Creations: map[string]Failure{},
		Starts:    map[string]Failure{},
		Stopping:  map[string]time.Time{},
		Hooks:     map[string]HookState{},
		Probes:    map[string]Probed{},
		Messages:  map[string]string{},
		Noted:     map[string]string{},
		Newest:    map[string]runtime.Container{},
	}
}

// observe takes note of what the engine has, and forgets what it has no longer, but for the newest attempts: a container
// that was removed is not one that never was.
func (m *Memory) observe(seen []runtime.Container) {
	ids := map[string]bool{}
	for _, c := range seen {
		ids[c.ID] = true
		name := c.Labels[runtime.LabelContainerName]
		if before, ok := m.Newest[name]; !c.Started.IsZero() && (!ok || attemptOf(before) <= attemptOf(c)) {
			m.Newest[name] = c
		}
	}
	gone := func(id string) bool { return !ids[id] }
	maps.DeleteFunc(m.Starts, func(id string, _ Failure) bool { return gone(id) })
	maps.DeleteFunc(m.Stopping, func(id string, _ time.Time) bool { return gone(id) })
	maps.DeleteFunc(m.Hooks, func(id string, _ HookState) bool { return gone(id) })
	maps.DeleteFunc(m.Probes, func(id string, _ Probed) bool { return gone(id) })
	maps.DeleteFunc(m.Messages, func(id, _ string) bool { return gone(id) })
}

// Failure is why something did not work, and when. The zero value is none.
type Failure struct {
	Reason, Message string
	At              time.Time
	Tries           int // that failed in a row
}

// again is the failure after one more try.
func (f Failure) again(reason, message string, now time.Time) Failure {
	return Failure{Reason: reason, Message: message, At: now, Tries: f.Tries + 1}
}

// retryAt is when to try again: at once if nothing failed, else after 1 s, 2 s, 4 s … 1 min.
func (f Failure) retryAt() time.Time {
	if f.Tries == 0 {
		return time.Time{}
	}
	return f.At.Add(doubled(time.Second, f.Tries, time.Minute))
}

// doubled is first × 2^(tries-1), at most limit.
func doubled(first time.Duration, tries int, limit time.Duration) time.Duration {
	d := first
	for i := 1; i < tries && d < limit; i++ {
		d *= 2
	}
	return min(d, limit)
}

// ImageState is how far the image for one attempt of one container is.
type ImageState struct {
	Ref     string
	Attempt int
	Phase   ImagePhase
	User    string  // of the image, once ready
	Failure Failure // the last one, until the image is ready
}

// ImagePhase is a step in an image's way to the engine.
type ImagePhase string

const (
	ImagePulling ImagePhase = "pulling"
	ImageReady   ImagePhase = "ready"
	ImageFailed  ImagePhase = "failed"
)

// retryAt is when to pull again: 10 s after the first failure, doubling to 5 min.
func (i ImageState) retryAt() time.Time {
	return i.Failure.At.Add(doubled(firstBackoff, i.Failure.Tries, maxBackoff))
}

// backingOffAt is when ErrImagePull gives way to ImagePullBackOff: long enough to be read.
func (i ImageState) backingOffAt() time.Time {
	return i.Failure.At.Add(imageErrorShown)
}

const reasonErrImagePull = "ErrImagePull"

const imageErrorShown = 3 * time.Second

// HookState is how far a container's postStart hook is. A container without an entry has none, or had it run.
type HookState struct {
	Done    bool
	Message string // of a hook that failed
}

// Probed is what probes have said of one running container.
type Probed struct {
	Started bool // the startup probe has succeeded
	Ready   bool // the readiness probe holds
	// Failed is the kind of probe that has given the container up: "startup" or "liveness"; "" is none.
	Failed string
	// Grace is the probe's own terminationGracePeriodSeconds, nil for the Pod's.
	Grace *int64
}
