package replicaset

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"coracle.dev/coracle/reconcile/controller"
)

// kind is all that differs between the kinds this controller serves.
type kind struct {
	schema.GroupVersionKind
	// terminating is whether its status has terminatingReplicas.
	terminating bool
	informer    cache.SharedIndexInformer
	// replicaSet sees the informer's object as a ReplicaSet, which shares its memory.
	replicaSet func(obj any) *appsv1.ReplicaSet
	// get reads the object from the API, not from a cache.
	get func(ctx context.Context, key cache.ObjectName) (metav1.Object, error)
	// updateStatus writes the status of the informer's object, and returns the new resource version.
	updateStatus func(ctx context.Context, obj any, status appsv1.ReplicaSetStatus) (resourceVersion string, err error)
}

func replicaSets(options controller.Options) kind {
	client := options.Client.AppsV1()
	return kind{
		GroupVersionKind: appsv1.SchemeGroupVersion.WithKind("ReplicaSet"),
		terminating:      true,
		informer:         options.Informers.Apps().V1().ReplicaSets().Informer(),
		replicaSet:       func(obj any) *appsv1.ReplicaSet { return obj.(*appsv1.ReplicaSet) },
		get: func(ctx context.Context, key cache.ObjectName) (metav1.Object, error) {
			return client.ReplicaSets(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
		},
		updateStatus: func(ctx context.Context, obj any, status appsv1.ReplicaSetStatus) (string, error) {
			rs := *obj.(*appsv1.ReplicaSet) // clients do not change what they are given, so the rest is shared
			rs.Status = status
			written, err := client.ReplicaSets(rs.Namespace).UpdateStatus(ctx, &rs, metav1.UpdateOptions{})
			if err != nil {
				return "", err
			}
			return written.ResourceVersion, nil
		},
	}
}

func replicationControllers(options controller.Options) kind {
	client := options.Client.CoreV1()
	return kind{
		GroupVersionKind: corev1.SchemeGroupVersion.WithKind("ReplicationController"),
		informer:         options.Informers.Core().V1().ReplicationControllers().Informer(),
		replicaSet: func(obj any) *appsv1.ReplicaSet {
			return fromReplicationController(obj.(*corev1.ReplicationController))
		},
		get: func(ctx context.Context, key cache.ObjectName) (metav1.Object, error) {
			return client.ReplicationControllers(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
		},
		updateStatus: func(ctx context.Context, obj any, status appsv1.ReplicaSetStatus) (string, error) {
			rc := *obj.(*corev1.ReplicationController)
			rc.Status = toReplicationControllerStatus(status)
			written, err := client.ReplicationControllers(rc.Namespace).UpdateStatus(ctx, &rc, metav1.UpdateOptions{})
			if err != nil {
				return "", err
			}
			return written.ResourceVersion, nil
		},
	}
}

func fromReplicationController(rc *corev1.ReplicationController) *appsv1.ReplicaSet {
	rs := &appsv1.ReplicaSet{
		ObjectMeta: rc.ObjectMeta,
		Spec: appsv1.ReplicaSetSpec{
			Replicas:        rc.Spec.Replicas,
			MinReadySeconds: rc.Spec.MinReadySeconds,
			Selector:        &metav1.LabelSelector{MatchLabels: rc.Spec.Selector},
		},
		Status: appsv1.ReplicaSetStatus{
			Replicas:             rc.Status.Replicas,
			FullyLabeledReplicas: rc.Status.FullyLabeledReplicas,
			ReadyReplicas:        rc.Status.ReadyReplicas,
			AvailableReplicas:    rc.Status.AvailableReplicas,
			ObservedGeneration:   rc.Status.ObservedGeneration,
		},
	}
	if rc.Spec.Template != nil {
		rs.Spec.Template = *rc.Spec.Template
	}
	for _, c := range rc.Status.Conditions {
		rs.Status.Conditions = append(rs.Status.Conditions, appsv1.ReplicaSetCondition{
			Type: appsv1.ReplicaSetConditionType(c.Type), Status: c.Status,
			Reason: c.Reason, Message: c.Message, LastTransitionTime: c.LastTransitionTime,
		})
	}
	return rs
}

func toReplicationControllerStatus(status appsv1.ReplicaSetStatus) corev1.ReplicationControllerStatus {
	old := corev1.ReplicationControllerStatus{
		Replicas:             status.Replicas,
		FullyLabeledReplicas: status.FullyLabeledReplicas,
		ReadyReplicas:        status.ReadyReplicas,
		AvailableReplicas:    status.AvailableReplicas,
		ObservedGeneration:   status.ObservedGeneration,
	}
	for _, c := range status.Conditions {
		old.Conditions = append(old.Conditions, corev1.ReplicationControllerCondition{
			Type: corev1.ReplicationControllerConditionType(c.Type), Status: c.Status,
			Reason: c.Reason, Message: c.Message, LastTransitionTime: c.LastTransitionTime,
		})
	}
	return old
}
