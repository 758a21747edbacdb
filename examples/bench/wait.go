package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

const patience = 5 * time.Minute

// awaitAvailable returns when there are that many Deployments with that many available replicas of their present template.
func (d *daemon) awaitAvailable(ctx context.Context, deployments int, replicas int32) error {
	found := 0
	err := wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		list, err := d.client.AppsV1().Deployments(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, nil // the daemon may be starting
		}
		found = 0
		for _, one := range list.Items {
			if one.Status.ObservedGeneration == one.Generation && one.Status.UpdatedReplicas == replicas &&
				one.Status.AvailableReplicas == replicas && one.Status.Replicas == replicas {
				found++
			}
		}
		return found == deployments, nil
	})
	if err != nil {
		return fmt.Errorf("%d of %d Deployments are available: %w", found, deployments, err)
	}
	return nil
}
