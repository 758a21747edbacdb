package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of coracle's own kinds.
const GroupName = "coracle.dev"

// GroupVersion is coracle.dev/v1alpha1.
var GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

// ApplicationKind and ApplicationResource name the kind Application in the API.
var (
	ApplicationKind     = GroupVersion.WithKind("Application")
	ApplicationResource = GroupVersion.WithResource("applications")
)

// Annotations that people and tools set.
const (
	// SyncRequestedAnnotation on an Application asks for a sync now. Its value is the time of the request
	// (RFC 3339 with nanoseconds); status.syncHandled repeats the value once that sync is over.
	SyncRequestedAnnotation = "coracle.dev/sync-requested"
	// CommitAnnotation on an applied object is the revision that last changed this object.
	CommitAnnotation = "coracle.dev/commit"
	// PruneAnnotation on an object is "disabled" (never delete it), or "confirm" (do not delete it without being told).
	PruneAnnotation = "coracle.dev/prune"
	// WaveAnnotation on an object is an integer: within one phase, lower waves are applied first.
	WaveAnnotation = "coracle.dev/sync-wave"
)
