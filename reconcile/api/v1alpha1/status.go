package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conditions of an Application, as kstatus reads them.
const (
	// ConditionReady is True when the newest revision is applied and all its objects are healthy.
	ConditionReady = "Ready"
	// ConditionReconciling is True while a sync or a rollout is on its way.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when a person has to do something: the message says what.
	ConditionStalled = "Stalled"
)

// Sync states: whether the cluster's objects are those of the source.
const (
	SyncUnknown   = "Unknown"
	SyncSynced    = "Synced"
	SyncOutOfSync = "OutOfSync"
)

// Health states of all objects of an Application together.
const (
	HealthUnknown     = "Unknown"
	HealthHealthy     = "Healthy"
	HealthProgressing = "Progressing"
	HealthDegraded    = "Degraded"
)

// Results of an entry of the history.
const (
	ResultProgressing = "Progressing"
	ResultHealthy     = "Healthy"
	ResultDegraded    = "Degraded"
	ResultFailed      = "Failed"
	ResultSuperseded  = "Superseded"
)

// ApplicationStatus is what coracle last saw and did.
type ApplicationStatus struct {
	// Generation of the Application that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Newest revision that the source had.
	// +optional
	ObservedRevision string `json:"observedRevision,omitempty"`
	// Revision that was last applied in full.
	// +optional
	Revision *Revision `json:"revision,omitempty"`
	// Synced, OutOfSync or Unknown.
	// +optional
	Sync string `json:"sync,omitempty"`
	// Healthy, Progressing, Degraded or Unknown.
	// +optional
	Health string `json:"health,omitempty"`
	// What happens now, or what is wrong, in one line.
	// +optional
	Message string `json:"message,omitempty"`
	// How many objects there are.
	// +optional
	Objects ObjectCounts `json:"objects,omitempty"`
	// Value of the annotation coracle.dev/sync-requested that was last carried out.
	// +optional
	SyncHandled string `json:"syncHandled,omitempty"`
	// Ready, Reconciling and Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// What was applied, newest first; at most 50 entries. A sync that changed nothing has none.
	// +optional
	// +listType=atomic
	History []HistoryEntry `json:"history,omitempty"`
}

// Revision is one state of the source.
type Revision struct {
	// The commit in 40 hex digits; "<commit>-dirty-<digits>" for a work tree with changes that are not committed;
	// "sha256:<digits>" for a directory outside any repository.
	ID string `json:"id"`
	// First line of the commit's message.
	// +optional
	Subject string `json:"subject,omitempty"`
	// Author of the commit.
	// +optional
	Author string `json:"author,omitempty"`
	// When it was committed.
	// +optional
	Time *metav1.Time `json:"time,omitempty"`
}

// ObjectCounts are numbers of objects.
type ObjectCounts struct {
	// In the source.
	Desired int32 `json:"desired"`
	// In the cluster as the source says.
	Synced int32 `json:"synced"`
	// Healthy in the cluster.
	Healthy int32 `json:"healthy"`
	// Held back or refused, in the source or by the API.
	// +optional
	Failed int32 `json:"failed,omitempty"`
}

// HistoryEntry is one sync that changed something.
type HistoryEntry struct {
	// What was applied.
	Revision `json:",inline"`
	// When the sync began.
	StartedAt metav1.Time `json:"startedAt"`
	// When the rollout ended; missing while it goes on.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// What was changed.
	// +optional
	Changes Changes `json:"changes,omitempty"`
	// Progressing, Healthy, Degraded, Failed or Superseded (by a newer revision before it was healthy).
	Result string `json:"result"`
	// Why, where the result is Degraded or Failed.
	// +optional
	Message string `json:"message,omitempty"`
}

// Changes name the objects that a sync touched, as "Deployment default/web". Each list is cut after 20 names.
type Changes struct {
	// +optional
	// +listType=atomic
	Created []string `json:"created,omitempty"`
	// +optional
	// +listType=atomic
	Changed []string `json:"changed,omitempty"`
	// +optional
	// +listType=atomic
	Pruned []string `json:"pruned,omitempty"`
	// How many objects were touched in all, those that are not named included.
	// +optional
	Total int32 `json:"total,omitempty"`
}
