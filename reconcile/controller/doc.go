// Package controller is the engine room that all controllers share. A controller itself lives in a directory below, one
// package each; none imports another.
//
// What enters: events from informers, as keys. What leaves: calls of the controller's Reconcile, one at a time for
// each key, retried with back-off, and called again at the time it asked for.
//
//	informer ──event──▶ handler ──key──▶ Loop ──▶ Reconcile ──▶ observe: lister + Claim + Lag
//	    ▲                                 ▲           │          decide:  Plan (pure, in plan.go)
//	    │                                 └─ retry ───┘          act:     API writes, Lag.Wrote
//	    └──────────────── watch ──────────────────────────────────────────────┘
//
// The files:
//
//	options.go   what every controller is made of
//	loop.go      the run loop: work queue, workers, recovered panics, back-off
//	handler.go   informer events → keys of the object or of its owner
//	index.go     objects by the UID of their controller, and orphans by namespace
//	claim.go     which objects an owner keeps, adopts and releases
//	lag.go       what was written that an informer does not show yet
//	pace.go      writes that may wait, spaced out
//	batch.go     slow start: 1, 2, 4, 8 … calls at once
//	pod.go       what a Pod's status means to those who count Pods
package controller
