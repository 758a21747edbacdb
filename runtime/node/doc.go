// Package node is the agent beside a container engine: it makes the Pods bound to its machine run, and says how they fare.
//
// What enters: Pods (and the ConfigMaps, Secrets and tokens they name) from the Kubernetes API; containers and hints from a
// runtime.Engine. What leaves: calls on the engine, Pod statuses, events, one Node object and its Lease, and the
// streams of logs, exec, attach and port-forward.
//
//	API ──watch──▶ queue of Pod keys ◀──hints── inventory ◀──list, inspect── Engine
//	                      │                                                    ▲
//	                      ▼                                                    │
//	               Plan(pod, seen, memory, now) ──Steps──▶ execute ────────────┘
//	                      │
//	                      └──PodStatus──▶ reporter ──UpdateStatus──▶ API
//
// Deciding is pure: Plan and Status look at plain values and return plain values. One worker at a time serves a Pod;
// Pods never wait for each other. What takes long (pulls, stops with grace, hooks, probes) goes on beside the
// worker and queues the Pod again when it is done.
//
// Nothing that matters is kept only in memory: attempts, back-off, addresses and the Pod itself are labels of the
// containers, so an agent that was killed finds everything again, and containers outlive the loss of the API server's data.
package node
