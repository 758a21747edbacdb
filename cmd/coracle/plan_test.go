package main

import (
	"testing"

	"coracle.dev/coracle/reconcile"
)

func TestPlanExit(t *testing.T) {
	plan := func(actions ...reconcile.Action) (plan reconcile.Plan) {
		for _, action := range actions {
			plan.Items = append(plan.Items, reconcile.Item{Action: action})
		}
		return plan
	}
	broken := plan(reconcile.ActionChange)
	broken.Problems = []string{"web.yaml:1: no"}
	for name, test := range map[string]struct {
		plan reconcile.Plan
		want int
	}{
		"empty":      {plan(), exitOK},
		"up to date": {plan(reconcile.ActionKeep, reconcile.ActionHold), exitOK},
		"create":     {plan(reconcile.ActionKeep, reconcile.ActionCreate), exitDiffers},
		"change":     {plan(reconcile.ActionChange), exitDiffers},
		"prune":      {plan(reconcile.ActionPrune), exitDiffers},
		"refused":    {plan(reconcile.ActionCreate, reconcile.ActionRefuse), exitTrouble},
		"not loaded": {broken, exitTrouble},
	} {
		if got := planExit(test.plan); got != test.want {
			t.Errorf("%s: exit code %d, want %d", name, got, test.want)
		}
	}
}
