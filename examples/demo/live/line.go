package live

import (
	"cmp"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

const changeCause = "kubernetes.io/change-cause"

// deploymentLine is the state of a rollout: how many replicas run the newest template and are available (■), how many
// are there and not yet (▪), how many of the old are still there (□).
//
//	web        web:v2   ■■▪□     2 of 3 updated and available   1a2b3c4 web: v2 (Ada)
func deploymentLine(d *appsv1.Deployment) string {
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	s := d.Status
	old := max(0, s.Replicas-s.UpdatedReplicas)
	available := max(0, min(s.UpdatedReplicas, s.AvailableReplicas-old))
	if s.ObservedGeneration < d.Generation { // what the status says is about another template
		available, old, s.UpdatedReplicas = 0, s.Replicas, 0
	}
	bar := strings.Repeat("■", int(available)) + strings.Repeat("▪", int(s.UpdatedReplicas-available)) + strings.Repeat("□", int(old))
	var images []string
	for _, c := range d.Spec.Template.Spec.Containers {
		images = append(images, c.Image)
	}
	line := fmt.Sprintf("%-10s %-8s %-8s %d of %d updated and available", d.Name, strings.Join(images, ","), bar, available, wanted)
	if cause := d.Annotations[changeCause]; cause != "" {
		line += "   " + cause
	}
	return line
}

// applicationLine is what coracle says of the Application as a whole.
func applicationLine(app *v1alpha1.Application) string {
	if app.Status.Message == "" {
		return ""
	}
	return fmt.Sprintf("%-10s %s, %s: %s", "coracle", app.Status.Sync, cmp.Or(app.Status.Health, v1alpha1.HealthUnknown), app.Status.Message)
}

// settled says that the newest revision runs.
func settled(app *v1alpha1.Application) bool {
	return app.Status.Sync == v1alpha1.SyncSynced && app.Status.Health == v1alpha1.HealthHealthy
}
