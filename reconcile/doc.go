// Package reconcile is the GitOps loop: it makes a Kubernetes API hold what a source says, and keeps it so.
//
// What enters: Applications (reconcile/api/v1alpha1), the snapshots of their sources (gitsource), and watches of what was
// applied. What leaves: server-side applies and deletes, Events, and the status of each Application.
//
//	gitsource ──Snapshot──▶ manifest.Load ──[]Object──▶ BuildPlan ──Plan──▶ executor ──apply, prune──▶ Kubernetes API
//	                                                       ▲                                               │
//	                                      Observed: live objects, dry runs ◀──watch of the set's label─────┘
//	                                                                                                       │
//	                                      Application.status: revision, health, history ◀──────────────────┘
//
// It is only a client: it knows the API through discovery and a dynamic client, so any Kubernetes can be the destination.
//
// # One plan
//
// BuildPlan is pure. Its Plan lists every object with what is done to it and why, in a total order: by phase (namespaces,
// definitions, access, configuration, network, other kinds, workloads, what follows workloads), wave (the annotation
// coracle.dev/sync-wave, or argocd.argoproj.io/sync-wave), kind, namespace and name; then what is pruned, in reverse.
// Preview prints the same value that the daemon carries out.
//
// # What costs a write
//
// An object is compared with its manifest here, guided by its managed fields (uptodate.go). Only what is not surely equal costs a dry
// run, whose result tells exactly which fields would change; only what would change is applied, as the field manager
// "coracle", taking over the stated fields from others. Fields that the manifest does not state belong to others and are
// left alone; those that it no longer states are removed. Left alone are also, once the object is there, the replicas of what a HorizontalPodAutoscaler
// scales, in the tree or in the API (autoscaled.go). Metadata that the server sets, and status, are not applied.
//
// # What is deleted
//
// Every applied object carries the label applyset.kubernetes.io/part-of with the id of its Application, and the Application is the
// ApplySet's parent as kubectl knows it. Pruned is what carries that label, was labelled by coracle itself (by the managed
// fields: a copied label is not enough), and is no longer in the source. pruneRules are the exceptions. Nothing is pruned while anything in
// the source cannot be loaded, when the source has no objects, or when an apply of the same sync failed.
// Deleting an Application deletes nothing that it applied.
//
// # Commits
//
// Each object carries in coracle.dev/commit the commit that last changed it, found by walking back through the history of
// the source (timeline.go); an object that no commit changed is not touched. Workloads with revisions also get
// kubernetes.io/change-cause, unless their manifest has its own. The Pod template is never stamped. A Deployment that is new to the cluster has its
// earlier versions applied first, with 0 replicas (history.go), so that `kubectl rollout undo` has somewhere to go.
//
// # Drift
//
// A change of an applied object by others leads to a comparison within a tenth of a second, and is put back with an Event that
// names the fields and the manager. Whoever changes it again and again is answered ever more slowly (fights.go).
//
// # Asking for a sync
//
// Set the annotation coracle.dev/sync-requested on the Application to the present time; status.syncHandled repeats the
// value once that sync is over.
package reconcile
