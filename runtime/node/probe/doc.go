// Package probe runs the startup, readiness and liveness probes of containers.
//
// What enters: with Keep, the probes that a Pod has now. What leaves: with Options.Report, the outcome of each try, and what
// it means once the thresholds are counted in.
//
//	Keep(pod, targets) ──▶ heap by due time ──▶ one goroutine a running try ──▶ Report
//
// A probe that waits for its time costs an entry in the heap and nothing else. Each try has its own goroutine, of which a
// probe has at most one, so a slow probe delays no other.
package probe
