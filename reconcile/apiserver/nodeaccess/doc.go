// Package nodeaccess says what the agent of a machine may do: run the Pods that are bound to it, and nothing else.
//
// What enters: a request of a user system:node:<name> in the group system:nodes, and what the API has of that node's Pods. What
// leaves: whether it is allowed (decide.go), and, where that depends on the object that is written, whether it is admitted
// (restrict.go). Machines that only hold a bootstrap token may ask for a certificate.
//
//	request ─▶ Decide ─▶ allow │ no opinion ("why not")      which path and name
//	              ▲
//	              └── Lookup: Pods by node (pods.go) ─▶ references.go: what a Pod names
//	object ──▶ Restrict ─▶ forbidden: "why"                  which labels, taints, node
//
// A node may make Pods again that an API server has lost (see runtime/node). What such a Pod names is readable to the node only
// where the Pod's controller names it too: or else a machine could read any Secret by making a Pod that names it.
package nodeaccess
