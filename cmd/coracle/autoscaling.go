package main

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"

	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/horizontalpodautoscaler"
	"coracle.dev/coracle/reconcile/metrics"
)

// autoscalingOptions are the flags of HorizontalPodAutoscalers.
type autoscalingOptions struct{ syncPeriod time.Duration }

func (o *autoscalingOptions) register(flags *pflag.FlagSet) {
	flags.DurationVar(&o.syncPeriod, "horizontal-pod-autoscaler-sync-period", horizontalpodautoscaler.DefaultPeriod,
		"`time` between two looks at each HorizontalPodAutoscaler")
}

func (o *autoscalingOptions) validate() error {
	if o.syncPeriod < time.Second {
		return fmt.Errorf("--horizontal-pod-autoscaler-sync-period %s: at least 1s", o.syncPeriod)
	}
	return nil
}

// resolution is how often figures are taken: not less often than they are looked at.
func (o *autoscalingOptions) resolution() time.Duration {
	return min(o.syncPeriod, metrics.DefaultResolution)
}

func (d *daemon) autoscaler(options controller.Options) (*horizontalpodautoscaler.Controller, error) {
	figures, err := metricsclient.NewForConfig(d.server.RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("make the metrics client: %w", err)
	}
	return horizontalpodautoscaler.New(horizontalpodautoscaler.Options{Options: options, Metrics: figures, Period: d.options.syncPeriod}), nil
}
