package node

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// leaseHeartbeats without a renewal, and others may take the node for dead.
const leaseHeartbeats = 4

func (n *Node) leaseSeconds() *int32 {
	seconds := int32(max(1, leaseHeartbeats*n.Heartbeat/time.Second))
	return &seconds
}

// renewLease says that this node lives.
func (n *Node) renewLease(ctx context.Context, node *corev1.Node) error {
	leases := n.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	now := metav1.NewMicroTime(n.Clock.Now())
	lease, err := leases.Get(ctx, n.Name, metav1.GetOptions{})
	if err == nil {
		lease.Spec.RenewTime, lease.Spec.LeaseDurationSeconds = &now, n.leaseSeconds()
		if _, err = leases.Update(ctx, lease, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("renew lease: %w", err)
		}
		return nil
	}
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("renew lease: %w", err)
	}
	lease = &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Name: n.Name, Namespace: corev1.NamespaceNodeLease,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}},
		},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &n.Name, LeaseDurationSeconds: n.leaseSeconds(), RenewTime: &now},
	}
	_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
	if apierrors.IsNotFound(err) { // the namespace
		if err = n.ensureNamespace(ctx, corev1.NamespaceNodeLease); err == nil {
			_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
		}
	}
	if err != nil {
		return fmt.Errorf("create lease: %w", err)
	}
	return nil
}
