// Package namespace empties a namespace that is being deleted, and then lets it go.
//
// What enters: namespaces with a deletion timestamp, and what is left in them.
// What leaves: deletions of all that is in them, conditions that say what is left and why, and in the end the removal
// of the finalizer "kubernetes".
//
//	Namespace Terminating ─▶ list every kind ─▶ Plan ─▶ delete Pods; once they are gone, the rest ─▶ conditions
//	          ▲                                   │
//	          └── something in it has gone ───────┴── nothing left ─▶ finalize
//
// Pods go first, with their grace period, and what they may still need while they stop (configuration, secrets, endpoints)
// goes once they are gone, as Kubernetes does since 1.33.
package namespace
