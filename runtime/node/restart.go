package node

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// Restart back-off, as upstream's documentation of the Pod lifecycle gives it.
const (
	firstBackoff  = 10 * time.Second
	maxBackoff    = 5 * time.Minute
	backoffForget = 10 * time.Minute // of running
)

// backoffOf is how long after c's end its successor waits. The first restart does not wait.
func backoffOf(c runtime.Container) time.Duration {
	if forgotten(c) {
		return 0
	}
	d, err := time.ParseDuration(c.Labels[labelBackoff])
	if err != nil {
		return 0
	}
	return d
}

// nextBackoff is what c's successor carries: 10 s, 20 s, 40 s … 5 min.
func nextBackoff(c runtime.Container) time.Duration {
	d := backoffOf(c)
	if d == 0 {
		return firstBackoff
	}
	return min(2*d, maxBackoff)
}

func forgotten(c runtime.Container) bool {
	return !c.Started.IsZero() && !c.Finished.IsZero() && c.Finished.Sub(c.Started) >= backoffForget
}

// restarts says whether a container that ended with that exit code runs again.
func restarts(policy corev1.RestartPolicy, exitCode int) bool {
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return exitCode != 0
	}
	return true
}
