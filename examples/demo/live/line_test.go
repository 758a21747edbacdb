package live

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func deployment(generation int64, status appsv1.DeploymentStatus) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Generation: generation, Annotations: map[string]string{changeCause: "1a2b3c4 web: v2 (Ada)"}},
		Spec: appsv1.DeploymentSpec{Replicas: ptr.To(int32(3)), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Image: "web:v2"}},
		}}},
		Status: status,
	}
}

func TestDeploymentLine(t *testing.T) {
	for name, c := range map[string]struct {
		deployment *appsv1.Deployment
		want       string
	}{
		"mid-rollout": {
			deployment(2, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 2, AvailableReplicas: 3}),
			"web        web:v2   ■▪□□     1 of 3 updated and available   1a2b3c4 web: v2 (Ada)",
		},
		"done": {
			deployment(2, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 3}),
			"web        web:v2   ■■■      3 of 3 updated and available   1a2b3c4 web: v2 (Ada)",
		},
		"a status of the template before": {
			deployment(3, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 3}),
			"web        web:v2   □□□      0 of 3 updated and available   1a2b3c4 web: v2 (Ada)",
		},
		"nothing yet": {
			deployment(1, appsv1.DeploymentStatus{}),
			"web        web:v2            0 of 3 updated and available   1a2b3c4 web: v2 (Ada)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, deploymentLine(c.deployment)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplicationLine(t *testing.T) {
	app := &v1alpha1.Application{}
	if line := applicationLine(app); line != "" || settled(app) {
		t.Errorf("without a status: %q", line)
	}
	app.Status = v1alpha1.ApplicationStatus{Sync: v1alpha1.SyncSynced, Health: v1alpha1.HealthHealthy, Message: "5 objects at 1a2b3c4"}
	if line := applicationLine(app); line != "coracle    Synced, Healthy: 5 objects at 1a2b3c4" || !settled(app) {
		t.Errorf("healthy: %q", line)
	}
}
