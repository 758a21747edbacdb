// Package deployment rolls Deployments: it makes, sizes and removes ReplicaSets so that the Pods come to be those of
// the newest template, without ever being too many or too few.
//
// What enters: Deployments, their ReplicaSets and, for the strategy Recreate, how many of their Pods are left. What
// leaves: ReplicaSets created, scaled, annotated, adopted, released and deleted; the status and revision of the Deployment;
// events.
//
//	ReplicaSets by controller UID, and orphans ──Claim──▶ Observed ──Decide──▶ Plan ──execute──▶ ReplicaSets
//	                                                                             └─────────────▶ Deployment status
//
// Decide is pure. A rollout is many plans: each takes the one step that is safe with what is there now, and the change
// that it makes, or that the Pods make, brings the next.
//
//	plan.go      what enters and leaves, and which of the ways below is taken
//	rolling.go   RollingUpdate: new up, old down
//	recreate.go  Recreate: old gone, then new up
//	scale.go     another number of replicas, in the middle of a rollout or not
//	newset.go    which ReplicaSet has the newest template, and how one is made
//	hash.go      the pod-template-hash, and when two templates are the same
//	revision.go  revisions and the annotations that go along
//	history.go   old ReplicaSets that are no longer kept
//	bounds.go    maxSurge and maxUnavailable as numbers of Pods
//	status.go    counts and conditions; progress.go: has the rollout moved, and by when must it
package deployment
