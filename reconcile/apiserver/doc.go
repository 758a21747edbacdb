// Package apiserver puts k8s.io/apiserver and etcd together into coracle's API server.
//
// What enters: the kinds of reconcile/api, a data directory or the addresses of an etcd, a listener, and a way to
// reach each node's streams. What leaves: the Kubernetes API over TLS for kubectl, and in-process clients of the
// same API for the controllers, the GitOps loop and the local node.
//
//	kubectl ──TLS──▶ handler chain ──▶ registry ──▶ watch cache ──▶ etcd (embedded, or outside)
//	GitOps loop ──in-process HTTP──▶   ▲   │
//	controllers, node ──direct─────────┘   └──pods/log, exec, attach, portforward──▶ node
//
// Everything generic is upstream's. What is ours: one strategy for all kinds (strategy.go), tables (table.go), and the
// few resources that are more than a stored object: pods, namespaces, services, events (a file each).
package apiserver
