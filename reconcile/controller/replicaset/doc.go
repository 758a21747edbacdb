// Package replicaset keeps as many Pods as a ReplicaSet, or a ReplicationController, asks for.
//
// What enters: ReplicaSets and Pods, from informers. What leaves: Pods created, deleted, adopted and released; the
// status of the ReplicaSet; events.
//
//	Pods by controller UID, and orphans ──Claim──▶ Observed ──Decide──▶ Plan ──execute──▶ Pods
//	                                                  └─────────────────────────Status──▶ ReplicaSet status
//
// Decide (plan.go), the order in which Pods go (rank.go) and Status (status.go) are pure. A ReplicationController is
// an older form of the same thing: kind.go turns it into a ReplicaSet on the way in, and its status back on the way out.
//
// A Pod is created as its ReplicaSet's template says; only the annotation coracle.dev/commit comes from the
// ReplicaSet itself, so that a commit that leaves the template alone leaves the Pods alone too.
package replicaset
