package api

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestRecreateLeavesNoRollingUpdate(t *testing.T) {
	rolling := func(surge string) *appsv1.RollingUpdateDeployment {
		value := intstr.Parse(surge)
		return &appsv1.RollingUpdateDeployment{MaxSurge: &value, MaxUnavailable: &value}
	}
	for name, c := range map[string]struct {
		old, new appsv1.DeploymentStrategy
		dropped  bool
	}{
		"the type alone": {
			old:     appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: rolling("25%")},
			new:     appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType, RollingUpdate: rolling("25%")},
			dropped: true,
		},
		"another rolling update, which is a mistake": {
			old: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: rolling("25%")},
			new: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType, RollingUpdate: rolling("1")},
		},
		"still rolling": {
			old: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: rolling("25%")},
			new: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: rolling("25%")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, old := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Strategy: c.new}}, &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Strategy: c.old}}
			prepareDeploymentForUpdate(d, old)
			if dropped := d.Spec.Strategy.RollingUpdate == nil; dropped != c.dropped {
				t.Errorf("rollingUpdate is %v", d.Spec.Strategy.RollingUpdate)
			}
			if old.Spec.Strategy.RollingUpdate == nil {
				t.Error("the old Deployment was changed")
			}
		})
	}
}
