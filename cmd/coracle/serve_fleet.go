package main

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"coracle.dev/coracle/reconcile/apiserver"
	"coracle.dev/coracle/reconcile/controller/nodes"
)

// fleetOptions are the periods of noticing that a machine is lost, and of what follows. They are named and set as those of
// upstream's kubelet, controller manager and API server are.
type fleetOptions struct {
	heartbeat          time.Duration
	grace              time.Duration
	notReadySeconds    int64
	unreachableSeconds int64
	limits             nodes.Limits
}

// defaultHeartbeat is a quarter of the grace period: three may be missed.
const defaultHeartbeat = 10 * time.Second

func (o *fleetOptions) register(flags *pflag.FlagSet) {
	registerHeartbeat(flags, &o.heartbeat)
	flags.DurationVar(&o.grace, "node-monitor-grace-period", nodes.DefaultGracePeriod, "`time` for which a node may be silent before it is not ready")
	flags.Int64Var(&o.notReadySeconds, "default-not-ready-toleration-seconds", apiserver.DefaultLossSeconds, "`seconds` for which Pods stay on a node that is not ready, unless they say otherwise")
	flags.Int64Var(&o.unreachableSeconds, "default-unreachable-toleration-seconds", apiserver.DefaultLossSeconds, "`seconds` for which Pods stay on a node that is silent, unless they say otherwise")
	flags.Float64Var(&o.limits.Rate, "node-eviction-rate", nodes.DefaultLimits.Rate, "lost `nodes` a second of which Pods are evicted, by zone")
	flags.Float64Var(&o.limits.Secondary, "secondary-node-eviction-rate", nodes.DefaultLimits.Secondary, "the same in a large zone that is unhealthy; a small one is left alone then")
	flags.Float64Var(&o.limits.Unhealthy, "unhealthy-zone-threshold", nodes.DefaultLimits.Unhealthy, "`share` of lost nodes from which on a zone is unhealthy, if they are more than two")
	flags.IntVar(&o.limits.Large, "large-cluster-size-threshold", nodes.DefaultLimits.Large, "`number` of nodes above which a zone is large")
}

// registerHeartbeat is for whatever runs a node.
func registerHeartbeat(flags *pflag.FlagSet, heartbeat *time.Duration) {
	flags.DurationVar(heartbeat, "node-status-update-frequency", defaultHeartbeat, "`time` between two heartbeats of a node")
}

func validateHeartbeat(heartbeat time.Duration) error {
	if heartbeat <= 0 {
		return fmt.Errorf("--node-status-update-frequency %s: it must be more than 0", heartbeat)
	}
	return nil
}

func (o *fleetOptions) validate() error {
	if err := validateHeartbeat(o.heartbeat); err != nil {
		return err
	}
	switch {
	case o.grace < 2*o.heartbeat:
		return fmt.Errorf("--node-monitor-grace-period %s: it must be at least twice --node-status-update-frequency, which is %s: every node would be lost now and then", o.grace, o.heartbeat)
	case o.notReadySeconds < 0:
		return fmt.Errorf("--default-not-ready-toleration-seconds %d: it must not be negative", o.notReadySeconds)
	case o.unreachableSeconds < 0:
		return fmt.Errorf("--default-unreachable-toleration-seconds %d: it must not be negative", o.unreachableSeconds)
	case o.limits.Rate < 0 || o.limits.Secondary < 0:
		return fmt.Errorf("--node-eviction-rate %g, --secondary-node-eviction-rate %g: they must not be negative", o.limits.Rate, o.limits.Secondary)
	case o.limits.Unhealthy < 0 || o.limits.Unhealthy > 1:
		return fmt.Errorf("--unhealthy-zone-threshold %g: it is a share, from 0 to 1", o.limits.Unhealthy)
	}
	return nil
}
