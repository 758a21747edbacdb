// Package garbage carries out what owner references and the finalizers of deletion ask for.
//
// What enters: the identities, owner references and finalizers of all objects of all served kinds.
// What leaves: deletions, and patches of owner references and finalizers.
//
//	informers ──identity, owners──▶ Graph ──key──▶ standing of each owner ──▶ Plan ──▶ delete │ drop owners │
//	                                  ▲            (Graph, else GET once)              orphan │ release
//	                                  └───────────────── watch ─────────────────────────────────┘
//
// There are three ways for an object to go, by the propagation policy that its deleter chose:
//
//	background  it goes at once; its dependents follow because their owner is gone
//	foreground  the finalizer foregroundDeletion holds it until the dependents that block it are gone
//	orphan      the finalizer orphan holds it until no dependent refers to it any more
//
// An object is deleted only if every owner that it names is known to be gone, or is going in the foreground. Known means:
// a watch has shown the owner's deletion, or a GET says that there is none of that name with that UID. Each
// deletion is conditional on the UID and the resource version that it was decided on.
package garbage
