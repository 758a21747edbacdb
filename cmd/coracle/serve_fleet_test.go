package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestFleetOptions(t *testing.T) {
	for arguments, want := range map[string]string{
		"": "",
		"--node-status-update-frequency=1s --node-monitor-grace-period=4s": "",
		"--default-unreachable-toleration-seconds=0":                       "",
		"--node-status-update-frequency=0s":                                "must be more than 0",
		"--node-monitor-grace-period=15s":                                  "at least twice --node-status-update-frequency",
		"--default-not-ready-toleration-seconds=-1":                        "--default-not-ready-toleration-seconds -1",
		"--default-unreachable-toleration-seconds=-1":                      "--default-unreachable-toleration-seconds -1",
		"--node-eviction-rate=-1":                                          "must not be negative",
		"--unhealthy-zone-threshold=55":                                    "from 0 to 1",
	} {
		var o fleetOptions
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		o.register(flags)
		if err := flags.Parse(strings.Fields(arguments)); err != nil {
			t.Fatal(err)
		}
		if err := o.validate(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: error %v, want %q", arguments, err, want)
		}
	}
}
