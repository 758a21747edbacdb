// Package disruption keeps the status of PodDisruptionBudgets: how many of their Pods may be evicted now.
//
// What enters: budgets, the Pods that they select, and the scale of what controls those Pods. What leaves: writes of budget
// statuses, which the API server reads, and charges, when a Pod is to be evicted.
//
//	PodDisruptionBudget ─────────────────┐
//	Pods ────────────────────────────────┼─▶ Decide ─▶ write the status, events │ look again later
//	Deployment, ReplicaSet, RC: replicas ┘
//
// An evicted Pod is noted in the status before it is deleted (disruptedPods), and counts as unhealthy from then on, though the
// cache may still show it as ready. If it is not deleted after all, the note is dropped.
package disruption
