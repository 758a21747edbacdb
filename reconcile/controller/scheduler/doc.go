// Package scheduler says on which Node each Pod runs.
//
// What enters: Pods without a node, and what the Nodes, the Pods on them and the Namespaces look like.
// What leaves: bindings; where there is none, the condition PodScheduled=False and an event that says why.
//
//	Nodes, Pods, Namespaces ──▶ State ─┐
//	                                   ├─▶ Plan ─▶ Decision ─▶ bind │ evict for priority │ say why not
//	Pods without a node ─▶ NewPod ─────┘                                      │
//	          ▲                                                               ▼
//	          └──── a change that helps one of its causes ◀──── waiting, by cause
//
// Plan is pure: it walks the table of filters, each in the file of its subject with its reasons, then the table of
// scorers over the nodes that are left. State is kept up to date event by event, Pods that are being bound
// included, so that no node is ever promised twice.
//
// A Pod that fits nowhere is not tried again until something happens that could help one of the causes that it was
// turned away for (see retry.go), and then not at once if it was turned away before (attempts.go). The order is by spec.priority, then
// by age.
package scheduler
