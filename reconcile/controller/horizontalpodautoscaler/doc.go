// Package horizontalpodautoscaler keeps workloads at the number of Pods that their use calls for.
//
// What enters: HorizontalPodAutoscalers, the /scale of what each names, its Pods, and their figures from metrics.k8s.io.
// What leaves: writes of /scale, Events, and the autoscaler's status.
//
//	HPA ──┐
//	scale ┤                               ┌─▶ /scale
//	Pods  ┼─▶ Observed ──Decide──▶ Plan ──┼─▶ Events
//	figures                 ▲       │     └─▶ status
//	                        └History┘
//
// Each autoscaler is looked at once a period, and when its spec changes. Decide is pure; what it must remember from one
// time to the next, which sizes it wanted and what it changed, is in History.
//
//	plan.go      Decide: from the size that is to the size that should be
//	metrics.go   the proposal of each metric, and the highest of them
//	replicas.go  figures of Pods → a number of replicas
//	pods.go      which Pods count, and which figures
//	rules.go     no further at once than behavior allows
//	status.go    conditions and what else is told
package horizontalpodautoscaler
