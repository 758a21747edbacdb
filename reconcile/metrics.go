package reconcile

import (
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

// Metrics of the loop. The label application is "namespace/name".
var (
	syncTotal = metrics.NewCounterVec(&metrics.CounterOpts{
		Namespace: "coracle", Name: "syncs_total", StabilityLevel: metrics.ALPHA,
		Help: "Syncs by application and result: unchanged, changed, failed.",
	}, []string{"application", "result"})
	syncSeconds = metrics.NewHistogramVec(&metrics.HistogramOpts{
		Namespace: "coracle", Name: "sync_duration_seconds", StabilityLevel: metrics.ALPHA,
		Help:    "How long syncs took, from the look at the source to the last write.",
		Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 60},
	}, []string{"application"})
	lastSynced = metrics.NewGaugeVec(&metrics.GaugeOpts{
		Namespace: "coracle", Name: "last_synced_timestamp_seconds", StabilityLevel: metrics.ALPHA,
		Help: "When the application's objects last were as its source says, in Unix time.",
	}, []string{"application"})
	driftTotal = metrics.NewCounterVec(&metrics.CounterOpts{
		Namespace: "coracle", Name: "drift_corrected_total", StabilityLevel: metrics.ALPHA,
		Help: "Objects that were changed by others and put back.",
	}, []string{"application"})
)

func init() {
	legacyregistry.MustRegister(syncTotal, syncSeconds, lastSynced, driftTotal)
}
