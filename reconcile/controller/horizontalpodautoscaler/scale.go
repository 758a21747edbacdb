package horizontalpodautoscaler

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// scales is the part of a typed client that reaches /scale.
type scales interface {
	GetScale(ctx context.Context, name string, options metav1.GetOptions) (*autoscalingv1.Scale, error)
	UpdateScale(ctx context.Context, name string, scale *autoscalingv1.Scale, options metav1.UpdateOptions) (*autoscalingv1.Scale, error)
}

// fieldManager is who owns the replicas, by the managed fields.
const fieldManager = "horizontal-pod-autoscaler"

// scalesOf finds the client for what an autoscaler names, or says that there is no such kind.
func (c *Controller) scalesOf(hpa *autoscalingv2.HorizontalPodAutoscaler) (scales, error) {
	ref := hpa.Spec.ScaleTargetRef
	version, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("invalid API version in scale target reference: %w", err)
	}
	switch (schema.GroupKind{Group: version.Group, Kind: ref.Kind}) {
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}:
		return c.client.AppsV1().Deployments(hpa.Namespace), nil
	case schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}:
		return c.client.AppsV1().ReplicaSets(hpa.Namespace), nil
	case schema.GroupKind{Kind: "ReplicationController"}:
		return c.client.CoreV1().ReplicationControllers(hpa.Namespace), nil
	}
	return nil, fmt.Errorf("no matches for kind %q in group %q", ref.Kind, version.Group)
}
