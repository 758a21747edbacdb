// Package nodes notices when a machine falls silent, and sees to the Pods that were on it.
//
// What enters: Nodes, their Leases (the heartbeat), and the Pods on them.
// What leaves: the condition Ready=Unknown, the taints that follow from conditions, Pods marked not ready, and deletions of Pods
// that a taint drives out or whose node exists no more.
//
//	Lease, Node ─▶ heard ─▶ PlanNode ─▶ conditions, taints, Pods not ready     silence of 40 s: Unknown, unreachable
//	                                        │
//	Node, Pod ──────────────▶ PlanPod ◀─────┘─▶ delete │ force                  toleration of 300 s: deleted
//
// Time is counted by this process's clock, from when it heard something new: what a machine's own clock says does not matter,
// and neither does what happened before this process began. So a daemon that was off evicts nobody on its return.
// Neither is a node silent while this process itself slept.
//
// Lost nodes are emptied one after another, by zone, with the limits of upstream (disruption.go): where too much of a small zone is
// lost, none is. While no node at all is ready, nobody is evicted for that: either the network is at fault, or nothing could
// take the Pods. The grace of each begins anew with the first node that is back.
//
// The files:
//
//	heard.go       when each node was heard last
//	disruption.go  how fast the lost ones may be emptied
//	plan.go        what to write of a node; taints.go its taints
//	eviction.go    whether a Pod must go
//	fleet.go       what the decisions have in common, kept event by event
//	act.go         the writes
package nodes
